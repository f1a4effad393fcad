import { Link } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import { Problem } from '../api/client';
import { problemText } from '../dialogs/problem';
import { Name, Text } from '../view/Name';

/** Kinds as they stand before the path of an object: "Agent:agent-1" is an AgentRef. */
const kinds: Readonly<Record<string, string>> = {
  Workflow: 'Workflow',
  JobResource: 'JobResource',
  Agent: 'AgentRef',
  AgentRef: 'AgentRef',
};

interface Row {
  kind: string;
  path: string;
  pointer: string | undefined;
  message: string;
}

/** Reads "Workflow:nightly/load /jobs/LOAD" or the name alone. */
export function placeOfProblem(where: string | undefined): Omit<Row, 'message'> | undefined {
  const m = /^([A-Za-z]+):(\S+?)(?: (\S*))?$/.exec(where ?? '');
  const kind = m?.[1] && Object.hasOwn(kinds, m[1]) ? kinds[m[1]] : undefined;
  if (!kind || !m?.[2]) return undefined;
  return { kind, path: m[2], pointer: m[3]?.startsWith('/') && m[3] !== '/' ? m[3] : undefined };
}

/** Why a deployment was refused: which objects, why, and what to do. Nothing was changed by it. */
export function Refused({ cause }: { cause: unknown }) {
  const { t } = useTranslation();
  if (!(cause instanceof Problem)) return <p className="problem-line">{problemText(cause, t)}</p>;
  const rows: Row[] = cause.problems.flatMap((p) => {
    const place = placeOfProblem(p.where) ?? placeOfProblem(cause.subject);
    return place ? [{ ...place, message: p.message }] : [];
  });
  const about = rows.length === 0 ? placeOfProblem(cause.subject) : undefined;
  if (about) rows.push({ ...about, message: cause.message });
  const others = cause.problems.filter((p) => !placeOfProblem(p.where) && !placeOfProblem(cause.subject));
  return (
    <section role="alert" className="refused stack-small" aria-label={t('edit.refused.title')}>
      <p className="problem-line">
        <b>{t('edit.refused.title')}</b> {t('edit.refused.nothing')}
      </p>
      {rows.length > 0 ? (
        <ul className="stack-small" aria-label={t('edit.refused.objects')}>
          {rows.map((r, i) => (
            <li key={i}>
              <Link
                to="/inventory"
                search={{ kind: r.kind, path: r.path, ...(r.pointer !== undefined && { at: r.pointer }) }}
              >
                <Name of={r.path} />
              </Link>
              {r.pointer !== undefined && (
                <span className="caption">
                  {' '}
                  <Text>{r.pointer}</Text>
                </span>
              )}
              <br />
              <Text>{r.message}</Text>
            </li>
          ))}
        </ul>
      ) : (
        <p>
          <Text>{cause.kind === 'offline' ? t('view.noConnection') : cause.message}</Text>
        </p>
      )}
      {others.map((p, i) => (
        <p key={i}>
          <Text>{[p.where, p.message].filter(Boolean).join(': ')}</Text>
        </p>
      ))}
      <p className="second">
        {t(`edit.refused.do.${cause.kind}`, t('edit.refused.do.other'))} <span className="faint">{cause.code}</span>
      </p>
    </section>
  );
}
