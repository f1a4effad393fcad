import { useQuery } from '@tanstack/react-query';
import { useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import { api, take } from '../api/client';
import { Text } from '../view/Name';
import { Empty, Shown } from '../view/View';
import { diffLines, withoutHead } from './diff';
import { Said } from './Said';
import type { Format } from './session';

const signs = { same: ' ', added: '+', removed: '−' } as const;

interface Props {
  kind: string;
  path: string;
  text: string;
  format: Format;
  deployed: boolean;
}

/** The draft beside what is deployed, line by line. */
export function Differences({ kind, path, text, format, deployed }: Props) {
  const { t } = useTranslation();
  const query = useQuery({
    queryKey: ['inventory', 'deployed', kind, path],
    queryFn: () => take(api.GET('/inventory/object', { params: { query: { kind, path, source: 'deployed' } } })),
    enabled: deployed,
  });
  // What is deployed is JSON: a draft in YAML is compared as that.
  const now = useQuery({
    queryKey: ['inventory-draft', 'json', format, text],
    queryFn: async () =>
      format === 'json'
        ? text
        : (await take(api.POST('/inventory/convert', { body: { text, format, to: 'json' } }))).text,
    gcTime: 0,
    staleTime: Infinity,
  });
  if (!deployed) return <Empty title={t('edit.diff.never')}>{t('edit.diff.neverText')}</Empty>;
  return (
    <Shown query={query}>
      {(o) => (
        <Shown query={now}>
          {(draft) => {
            const before = withoutHead(o.text, draft);
            return (
              <div className="stack">
                <section aria-label={t('edit.said.title')}>
                  <h2>{t('edit.said.title')}</h2>
                  <Said before={before} after={draft} label={t('edit.said.title')} />
                </section>
                <Lines before={before} after={draft} />
              </div>
            );
          }}
        </Shown>
      )}
    </Shown>
  );
}

/** Two texts, line by line. */
export function Lines({ before, after }: { before: string; after: string }) {
  const { t } = useTranslation();
  const lines = useMemo(() => diffLines(before, after), [before, after]);
  const [added, removed] = (['added', 'removed'] as const).map((k) => lines.filter((l) => l.kind === k).length);
  return (
    <section className="diff" aria-label={t('edit.diff.title')} tabIndex={0}>
      <p className="caption">{t('edit.diff.count', { added, removed })}</p>
      <table>
        <tbody>
          {lines.map((l, i) => (
            <tr key={i} data-kind={l.kind}>
              <td className="number faint">{l.old}</td>
              <td className="number faint">{l.now}</td>
              <td aria-label={l.kind === 'same' ? undefined : t(`edit.diff.${l.kind}`)}>{signs[l.kind]}</td>
              <td className="mono">
                <Text lines>{l.text}</Text>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
