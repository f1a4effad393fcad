import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { IconArrowDown, IconArrowUp } from '@tabler/icons-react';
import { Problem } from '../api/client';
import type { Feed } from './feed';
import type { Found } from './finder';

export interface Query {
  text: string;
  regex: boolean;
  case: boolean;
}

/** Which lines are shown. */
export type Only = 'all' | 'errors' | 'hits';

/** How times are shown: by the clock, since the step began, or not at all. */
export type Times = 'clock' | 'since' | 'off';

interface Props {
  query: Query;
  onQuery: (q: Query) => void;
  hits: Found;
  /** What is looked for is no regular expression. */
  broken: boolean;
  /** Which of the hits is the current one, from 1; 0: none. */
  position: number;
  onHit: (back: boolean) => void;
  only: Only;
  onOnly: (o: Only) => void;
  errors: number;
  onError: () => void;
  /** undefined: nothing more will come. */
  follow: boolean | undefined;
  onFollow: (on: boolean) => void;
  wrap: boolean;
  onWrap: (on: boolean) => void;
  times: Times;
  onTimes: (t: Times) => void;
  feed: Feed;
  range: { first: number; last: number } | undefined;
  onClear: () => void;
  name: string;
}

/** What can be done with a log. */
export function LogBar(p: Props) {
  const { t, i18n } = useTranslation();
  const number = (n: number) => n.toLocaleString(i18n.language);
  const toggle = (o: Only) => p.onOnly(p.only === o ? 'all' : o);
  return (
    <div className="log-bar" role="toolbar" aria-label={t('log.tools')}>
      <FindField {...p} />
      <span role="status" aria-label={t('log.hits')} className="log-hits">
        {p.broken && <span className="log-wrong">{t('log.broken')}</span>}
        {p.query.text !== '' && !p.broken && !p.hits.problem && (
          <>
            {p.hits.count === 0 && !p.hits.busy
              ? t('log.none')
              : t('log.ofHits', { at: number(p.position), count: number(p.hits.count) })}
            {p.hits.busy && '…'}
          </>
        )}
        {p.hits.problem && <span className="log-wrong">{wrong(p.hits.problem)}</span>}
      </span>
      <span className="log-group">
        <button
          type="button"
          className="log-tool icon"
          aria-label={t('log.previous')}
          title="N"
          onClick={() => p.onHit(true)}
        >
          <IconArrowUp size={16} aria-hidden />
        </button>
        <button
          type="button"
          className="log-tool icon"
          aria-label={t('log.next')}
          title="n"
          onClick={() => p.onHit(false)}
        >
          <IconArrowDown size={16} aria-hidden />
        </button>
        <Toggle on={p.only === 'hits'} onClick={() => p.query.text && toggle('hits')} off={p.query.text === ''}>
          {t('log.onlyHits')}
        </Toggle>
      </span>
      <span className="log-group log-errors">
        <button
          type="button"
          className="log-tool"
          title="e"
          aria-disabled={p.errors === 0}
          onClick={() => p.errors > 0 && p.onError()}
        >
          {t('log.nextError')}
        </button>
        <Toggle on={p.only === 'errors'} onClick={() => toggle('errors')}>
          {t('log.onlyErrors', { count: number(p.errors) })}
        </Toggle>
      </span>
      <span className="log-group log-end">
        {p.follow !== undefined && (
          <button
            type="button"
            role="switch"
            aria-checked={p.follow}
            className="log-tool"
            title="f"
            onClick={() => p.onFollow(!p.follow)}
          >
            <span className={p.follow ? 'log-dot on' : 'log-dot'} aria-hidden="true" />
            {t('log.follow')}
          </button>
        )}
        <Toggle on={p.wrap} onClick={() => p.onWrap(!p.wrap)}>
          {t('log.wrap')}
        </Toggle>
        <label className="log-times">
          {t('log.times')}
          <select value={p.times} onChange={(e) => p.onTimes(e.target.value as Times)}>
            <option value="clock">{t('log.times_clock')}</option>
            <option value="since">{t('log.times_since')}</option>
            <option value="off">{t('log.times_off')}</option>
          </select>
        </label>
        <a className="log-tool" href={p.feed.textAddress()} download={`${p.name.replace(/[^\w.-]/g, '_')}.log`}>
          {t('log.download')}
        </a>
      </span>
      {p.range && <Chosen feed={p.feed} range={p.range} onClear={p.onClear} />}
    </div>
  );
}

function wrong(problem: Error): string {
  return problem instanceof Problem ? problem.message : String(problem);
}

function FindField({ query, onQuery, onHit }: Props) {
  const { t } = useTranslation();
  const [text, setText] = useState(query.text);
  return (
    <form
      className="log-find"
      role="search"
      onSubmit={(e) => {
        e.preventDefault();
        if (text === query.text) onHit(false);
        else onQuery({ ...query, text });
      }}
    >
      <input
        type="search"
        aria-label={t('log.find')}
        placeholder={t('log.find')}
        value={text}
        maxLength={500}
        onChange={(e) => {
          setText(e.target.value);
          if (e.target.value === '') onQuery({ ...query, text: '' });
        }}
        onKeyDown={(e) => {
          if (e.key === 'Enter' && e.shiftKey) {
            e.preventDefault();
            onHit(true);
          }
        }}
        onBlur={() => text !== query.text && onQuery({ ...query, text })}
      />
      <Toggle on={query.case} label={t('log.case')} onClick={() => onQuery({ ...query, text, case: !query.case })}>
        Aa
      </Toggle>
      <Toggle on={query.regex} label={t('log.regex')} onClick={() => onQuery({ ...query, text, regex: !query.regex })}>
        .*
      </Toggle>
    </form>
  );
}

function Toggle(p: { on: boolean; onClick: () => void; label?: string; off?: boolean; children: React.ReactNode }) {
  return (
    <button
      type="button"
      className="log-tool"
      aria-pressed={p.on}
      aria-disabled={p.off ?? false}
      aria-label={p.label}
      title={p.label}
      onClick={p.onClick}
    >
      {p.children}
    </button>
  );
}

/** At most so many lines are copied at once. */
const mostCopied = 2000;

/** What can be done with the lines in the address. */
function Chosen({ feed, range, onClear }: { feed: Feed; range: { first: number; last: number }; onClear: () => void }) {
  const { t } = useTranslation();
  const [copied, setCopied] = useState('');
  const count = range.last - range.first + 1;
  const copy = async (what: 'lines' | 'link') => {
    try {
      const text =
        what === 'link'
          ? window.location.href
          : (await feed.read(range.first, Math.min(count, mostCopied), false)).map((l) => l.text + '\n').join('');
      await navigator.clipboard.writeText(text);
      setCopied(t(what === 'link' ? 'log.linkCopied' : 'log.linesCopied', { count: Math.min(count, mostCopied) }));
    } catch {
      setCopied(t('log.notCopied'));
    }
  };
  return (
    <span className="log-group log-chosen">
      <span>
        {count === 1 ? t('log.line', { n: range.first }) : t('log.lines', { first: range.first, last: range.last })}
      </span>
      <button type="button" className="log-tool" onClick={() => void copy('lines')}>
        {t('log.copyLines')}
      </button>
      <button type="button" className="log-tool" onClick={() => void copy('link')}>
        {t('log.copyLink')}
      </button>
      <button type="button" className="log-tool" onClick={onClear}>
        {t('log.clearLines')}
      </button>
      <span role="status">{copied}</span>
    </span>
  );
}
