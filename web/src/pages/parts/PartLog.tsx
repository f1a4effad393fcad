import { TextInput } from '@mantine/core';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useDeferredValue, useLayoutEffect, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { formatMoment } from '../../time/format';
import { useZone } from '../../time/Time';
import { Text } from '../../view/Name';
import { Empty, Shown } from '../../view/View';
import { chosen, grown, mostLines, type Kept, type PartLog as Answer } from './lines';

interface Props {
  /** Of which part, for its name and for what is kept of it. */
  kind: string;
  name: string;
  /** Asks for the lines behind one. */
  read: (after: number) => Promise<Answer>;
}

/** What a part has written to its own log last; it goes on by itself. */
export function PartLog({ kind, name, read }: Props) {
  const { t } = useTranslation();
  const zone = useZone();
  const queries = useQueryClient();
  const key = ['partlog', kind, name];
  const [level, setLevel] = useState<'all' | 'warn'>('all');
  const [text, setText] = useState('');
  const [follow, setFollow] = useState(true);
  const box = useRef<HTMLDivElement>(null);
  const query = useQuery({
    queryKey: key,
    queryFn: async () => {
      const old = queries.getQueryData<Kept>(key);
      return grown(old, await read(old?.lines.at(-1)?.id ?? 0));
    },
    refetchInterval: 2000,
    staleTime: 0,
    structuralSharing: false,
  });
  const wanted = useDeferredValue(text);
  const lines = query.data && chosen(query.data.lines, level, wanted);
  const last = lines?.at(-1)?.id;
  useLayoutEffect(() => {
    const b = box.current;
    if (follow && b) b.scrollTop = b.scrollHeight;
  }, [follow, last, level, wanted]);
  const scrolled = () => {
    const b = box.current;
    if (b) setFollow(b.scrollHeight - b.scrollTop - b.clientHeight < 24);
  };
  return (
    <div className="part-log">
      <div className="row">
        <TextInput
          type="search"
          aria-label={t('parts.findInLog')}
          placeholder={t('parts.findInLog')}
          value={text}
          onChange={(e) => setText(e.currentTarget.value)}
          className="part-log-find"
        />
        <label className="check">
          <input
            type="checkbox"
            checked={level === 'warn'}
            onChange={(e) => setLevel(e.target.checked ? 'warn' : 'all')}
          />
          {t('parts.warningsOnly')}
        </label>
        <label className="check">
          <input type="checkbox" role="switch" checked={follow} onChange={(e) => setFollow(e.target.checked)} />
          {t('parts.follow')}
        </label>
        <span className="caption">{t('parts.logHelp', { count: mostLines, most: mostLines.toLocaleString() })}</span>
      </div>
      <Shown query={query}>
        {(kept) =>
          lines?.length === 0 ? (
            <Empty title={t(kept.lines.length === 0 ? 'parts.noLines' : 'parts.noMatch')} />
          ) : (
            <div
              ref={box}
              className="part-lines mono"
              role="log"
              aria-live="off"
              aria-label={t('parts.logOf', { name })}
              tabIndex={0}
              onScroll={scrolled}
            >
              {lines?.map((l) => (
                <div key={l.id} className={`part-line ${l.level}`} data-line={l.id} data-level={l.level}>
                  {kept.gaps.includes(l.id) && <p className="faint">{t('parts.missed')}</p>}
                  <span className="faint">{formatMoment(l.time, zone)}</span>
                  <b>{l.level.toUpperCase()}</b>
                  <span className="part-text">
                    <Text>{l.text}</Text>
                  </span>
                </div>
              ))}
            </div>
          )
        }
      </Shown>
    </div>
  );
}
