import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { Schemas } from '../../api/client';
import { useMay } from '../../session/session';
import { CertificateBadge } from '../../state/certificate';
import { Age, Time } from '../../time/Time';
import { Name, Text } from '../../view/Name';
import { Empty, View } from '../../view/View';
import { PartLog } from './PartLog';
import type { PartLog as Answer } from './lines';
import './parts.css';

interface Props {
  view: 'agent' | 'controller' | 'cockpit';
  name: string;
  badges: ReactNode;
  actions?: ReactNode;
  ready: boolean;
  tab: 'overview' | 'log';
  onTab: (tab: 'overview' | 'log') => void;
  /** Reads lines of its log; undefined, with the reason below, if nobody can. */
  read?: ((after: number) => Promise<Answer>) | undefined;
  noLog?: string;
  children: ReactNode;
}

/** The page of one part: how it is, and its log. */
export function PartPage(p: Props) {
  const { t } = useTranslation();
  const mayLog = useMay('partlogs:view');
  return (
    <View
      name={p.view}
      title={<Name of={p.name} most={64} />}
      tab={p.name}
      badges={p.badges}
      actions={p.actions}
      ready={p.ready}
      fill={p.tab === 'log'}
    >
      <nav aria-label={t('parts.path')} className="crumbs">
        <Link to="/agents">{t('agents.title')}</Link>
      </nav>
      <div className="tabs" role="tablist" aria-label={t('parts.of', { name: p.name })}>
        {(['overview', 'log'] as const).map((x) => (
          <button
            key={x}
            type="button"
            role="tab"
            id={`tab-${x}`}
            aria-selected={p.tab === x}
            aria-controls="tab-panel"
            onClick={() => p.onTab(x)}
          >
            {t(`parts.${x}`)}
          </button>
        ))}
      </div>
      <div className="tab-panel" role="tabpanel" id="tab-panel" aria-labelledby={`tab-${p.tab}`}>
        {p.tab === 'overview' && <div className="stack">{p.children}</div>}
        {p.tab === 'log' && !mayLog && <Empty title={t('view.denied')}>{t('parts.logDenied')}</Empty>}
        {p.tab === 'log' && mayLog && !p.read && <Empty title={t('parts.noLog')}>{p.noLog}</Empty>}
        {p.tab === 'log' && mayLog && p.read && <PartLog kind={p.view} name={p.name} read={p.read} />}
      </div>
    </View>
  );
}

/** Facts with their names. */
export function Facts({ of }: { of: readonly (readonly [name: string, value: ReactNode] | undefined)[] }) {
  return (
    <dl className="card facts">
      {of.map(
        (f) =>
          f && (
            <div key={f[0]}>
              <dt>{f[0]}</dt>
              <dd>{f[1]}</dd>
            </div>
          ),
      )}
    </dl>
  );
}

/** Since when a part runs. */
export function Since({ at }: { at: number }) {
  return (
    <>
      <Time at={at} />{' '}
      <span className="faint">
        (<Age since={at} />)
      </span>
    </>
  );
}

/** The certificates of parts, the first to end at the top. */
export function Certificates({
  rows,
  label,
  parts,
}: {
  rows: readonly Schemas['Certificate'][];
  label: string;
  parts?: boolean;
}) {
  const { t } = useTranslation();
  return (
    <table className="plain-table" aria-label={label}>
      <thead>
        <tr>
          <th>{t('parts.ends')}</th>
          {parts && <th>{t('parts.part')}</th>}
          <th>{t('parts.use')}</th>
          <th className="wide-cell">{t('parts.subject')}</th>
          <th className="wide-cell">{t('parts.endsAt')}</th>
        </tr>
      </thead>
      <tbody>
        {rows.map((c) => (
          <tr key={`${c.part} ${c.name} ${c.use} ${c.subject} ${c.notAfter}`} data-testid="row" data-state={c.state}>
            <td>
              <CertificateBadge notAfter={c.notAfter} good={c.state === 'good'} />
            </td>
            {parts && (
              <td>
                {c.use === 'authority' ? (
                  <span className="second">{t('parts.trustedBy', { count: c.parts ?? 1 })}</span>
                ) : (
                  <PartLink part={c.part} name={c.name} />
                )}
              </td>
            )}
            <td>{t(`parts.use_${c.use}`, c.use)}</td>
            <td className="wide-cell second">
              <Text>{c.subject}</Text>
            </td>
            <td className="wide-cell second">
              <Time at={c.notAfter} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** Leads to the page of a part. */
export function PartLink({ part, name }: { part: string; name: string }) {
  if (part === 'agent')
    return (
      <Link to="/agents/$name" params={{ name }}>
        <Name of={name} />
      </Link>
    );
  if (part === 'controller')
    return (
      <Link to="/controllers/$name" params={{ name }}>
        <Name of={name} />
      </Link>
    );
  return (
    <Link to="/cockpits/$name" params={{ name }}>
      <Name of={name} />
    </Link>
  );
}
