import { useQuery } from '@tanstack/react-query';
import { Link, useSearch } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import { api, take, type Schemas } from '../../api/client';
import { OrderBadge, PartBadge } from '../../state/Badge';
import { CertificateBadge } from '../../state/certificate';
import { Icon } from '../../state/Icon';
import { orderLooks, statusGroups } from '../../state/status';
import { formatDuration, formatMoment } from '../../time/format';
import { Age, Time, useNow, useZone } from '../../time/Time';
import { Name, Text } from '../../view/Name';
import { Shown, View } from '../../view/View';
import { agentStatus, memberStatus } from '../agents/part';
import './dashboard.css';

type Dashboard = Schemas['Dashboard'];

/** What needs a person, and how all is. */
export default function DashboardPage() {
  const { t } = useTranslation();
  const { folder } = useSearch({ from: '/frame/' });
  const query = useQuery({
    queryKey: ['orders', 'dashboard', folder],
    queryFn: () => take(api.GET('/overview/dashboard', { params: { query: folder ? { folder } : {} } })),
    refetchInterval: 30_000,
  });
  return (
    <View name="dashboard" title={t('dashboard.title')} tab={t('dashboard.title')} ready={query.isSuccess}>
      <Shown query={query}>
        {(d) => (
          <div className="dashboard">
            <div className="stack">
              {!d.setUp.order && <FirstSteps setUp={d.setUp} />}
              <section className="card needs" aria-labelledby="needs">
                <h2 id="needs">{t('dashboard.needs')}</h2>
                <Needs rows={d.attention} />
              </section>
              <section className="card longest" aria-labelledby="longest">
                <h2 id="longest">{t('dashboard.running')}</h2>
                <Running rows={d.running} />
              </section>
              <section className="card" aria-labelledby="failed-last">
                <h2 id="failed-last">{t('dashboard.failedLast')}</h2>
                <FailedLast rows={d.failed} />
              </section>
              <section className="card" aria-labelledby="throughput">
                <h2 id="throughput">{t('dashboard.throughput')}</h2>
                <Throughput hours={d.throughput} />
              </section>
            </div>
            <div className="stack">
              <section className="card now" aria-labelledby="now">
                <h2 id="now">{t('dashboard.now')}</h2>
                <Counts counts={d.counts} />
              </section>
              <section className="card parts" aria-labelledby="parts">
                <h2 id="parts">{t('dashboard.parts')}</h2>
                <Parts dashboard={d} />
              </section>
            </div>
          </div>
        )}
      </Shown>
    </View>
  );
}

/** What a new installation needs, one after the other. */
function FirstSteps({ setUp }: { setUp: Dashboard['setUp'] }) {
  const { t } = useTranslation();
  const steps = [
    { name: 'agent', to: '/agents', done: setUp.agent },
    { name: 'workflow', to: '/inventory', done: setUp.workflow },
    { name: 'order', to: '/workflows', done: setUp.order },
  ] as const;
  const next = steps.find((s) => !s.done);
  return (
    <section className="card" aria-labelledby="setup">
      <h2 id="setup">{t('setup.title')}</h2>
      <p className="second">{t('setup.text')}</p>
      <ol className="first-steps">
        {steps.map((s) => (
          <li key={s.name} data-done={s.done} aria-current={s === next ? 'step' : undefined}>
            <span className={`badge ${s.done ? 'ok' : 'wait'} outlined`}>
              <Icon name={s.done ? 'check' : 'circle'} size={14} />
              <span>{t(s.done ? 'setup.done' : 'setup.open')}</span>
            </span>
            <div>
              <Link to={s.to}>{t(`setup.${s.name}`)}</Link>
              <p className="second">{t(`setup.${s.name}Text`)}</p>
            </div>
          </li>
        ))}
      </ol>
    </section>
  );
}

function Needs({ rows }: { rows: Dashboard['attention'] }) {
  const { t } = useTranslation();
  if (rows.length === 0) return <p className="all-clear">{t('dashboard.nothing')}</p>;
  return (
    <ul className="needs-list">
      {rows.map((r) => (
        <li key={`${r.workflow} ${r.status} ${r.label ?? ''}`}>
          <OrderBadge
            status={r.status}
            detail={r.returnCode === undefined ? undefined : t('order.returnCode', { code: r.returnCode })}
          />
          <div className="needs-what">
            <Link to="/orders/$id" params={{ id: r.orderId }}>
              <Name of={r.orderId} most={32} />
            </Link>{' '}
            <span className="second">
              <Name of={r.workflow} />
              {r.label && (
                <>
                  {' · '}
                  <Name of={r.label} most={32} />
                </>
              )}
            </span>
            {r.count > 1 && <span className="second"> · {t('dashboard.times', { count: r.count })}</span>}
            {r.reason && (
              <p className="reason">
                <Text>{r.reason}</Text>
              </p>
            )}
          </div>
          <span className="faint">
            <Age since={r.since} />
          </span>
          <Link
            className="button"
            to="/orders/$id"
            params={{ id: r.orderId }}
            search={{ tab: 'log' }}
            aria-label={t('dashboard.openLog', { job: r.label ?? r.workflow, order: r.orderId })}
          >
            {t('order.openLog')}
          </Link>
        </li>
      ))}
    </ul>
  );
}

// Those that have ended are no more than a moment here.
const groups = statusGroups.filter(([name]) => name !== 'Finished');

function Counts({ counts }: { counts: Dashboard['counts'] }) {
  const { t } = useTranslation();
  const sums = groups.map(([name, of]) => ({ name, of, n: of.reduce((n, s) => n + (counts[s] ?? 0), 0) }));
  const most = Math.max(1, ...sums.map((s) => s.n));
  return (
    <ul className="counts">
      {sums.map(({ name, of, n }) => (
        <li key={name} className={n === 0 ? 'none' : undefined}>
          <Link to="/orders" search={{ state: of.join(',') }}>
            <span className={`counts-name ${orderLooks[name]?.family ?? 'off'}`}>
              <Icon name={orderLooks[name]?.icon ?? 'circle'} size={14} />
              {t(`status.${name}`)}
            </span>
            <span className={`bar ${orderLooks[name]?.family ?? 'off'}`} aria-hidden="true">
              <span style={{ width: `${(100 * n) / most}%` }} />
            </span>
            <span className="figure">{n.toLocaleString()}</span>
          </Link>
        </li>
      ))}
    </ul>
  );
}

/** Failures that need nobody any more: what it was, and how it ended. */
function FailedLast({ rows }: { rows: Dashboard['failed'] }) {
  const { t } = useTranslation();
  if (rows.length === 0) return <p className="faint">{t('dashboard.noneFailed')}</p>;
  return (
    <ul className="lines failed-last">
      {rows.map((r) => (
        <li key={`${r.orderId} ${r.end}`}>
          <div className="needs-what">
            <Link to="/orders/$id" params={{ id: r.orderId }}>
              <Name of={r.orderId} most={32} />
            </Link>{' '}
            <span className="second">
              <Name of={r.workflow} />
              {r.returnCode !== undefined && ` · ${t('order.returnCode', { code: r.returnCode })}`}
              {r.state !== 'Failed' && ` · ${t(`status.${r.state}`, r.state)}`}
            </span>
            {r.reason && (
              <p className="reason">
                <Text>{r.reason}</Text>
              </p>
            )}
          </div>
          <span className="faint">
            <Age since={r.end} />
          </span>
        </li>
      ))}
    </ul>
  );
}

function Running({ rows }: { rows: Dashboard['running'] }) {
  const { t } = useTranslation();
  const now = useNow();
  if (rows.length === 0) return <p className="faint">{t('dashboard.noneRuns')}</p>;
  return (
    <ul className="lines">
      {rows.slice(0, 8).map((r) => (
        <li key={r.orderId} className="spread">
          <span>
            <Link to="/orders/$id" params={{ id: r.orderId }}>
              <Name of={r.orderId} most={32} />
            </Link>{' '}
            <span className="second">
              <Name of={`${r.workflow} · ${r.label}`} /> · <Name of={r.agent} most={24} />
            </span>
          </span>
          <span className="second">
            {r.late && r.usual && (
              <span className="late">
                <Icon name="hourglass" size={14} />
                {t('dashboard.late', { times: timesUsual(now - r.since, r.usual.p50) })}
              </span>
            )}{' '}
            <Age since={r.since} />
            {r.usual &&
              ` · ${t('dashboard.usual', { time: formatDuration(r.usual.p50), most: formatDuration(r.usual.p95) })}`}
          </span>
        </li>
      ))}
    </ul>
  );
}

/** How many times as long as usual, as a number for people: 1.4, 12. */
function timesUsual(ms: number, usual: number): string {
  const times = ms / Math.max(1, usual);
  return times.toLocaleString(undefined, { maximumFractionDigits: times < 10 ? 1 : 0 });
}

/** How many orders ended in each of the last hours; each column leads to that hour. */
function Throughput({ hours }: { hours: Dashboard['throughput'] }) {
  const { t } = useTranslation();
  const zone = useZone();
  const most = Math.max(1, ...hours.map((h) => h.succeeded + h.failed));
  const done = hours.reduce((n, h) => n + h.succeeded, 0);
  const failed = hours.reduce((n, h) => n + h.failed, 0);
  return (
    <>
      <p className="second throughput-sum">
        {t('dashboard.ended', { done: done.toLocaleString(), failed: failed.toLocaleString() })}
      </p>
      <div className="throughput">
        {hours.map((h) => {
          const name = t('dashboard.hour', {
            time: formatMoment(h.hour, zone).slice(0, 16),
            done: h.succeeded,
            failed: h.failed,
          });
          return (
            <Link
              key={h.hour}
              to="/history"
              search={{ from: new Date(h.hour).toISOString(), to: new Date(h.hour + 3_600_000).toISOString() }}
              aria-label={name}
              title={name}
            >
              <i className="bad" style={{ height: `${(100 * h.failed) / most}%` }} />
              <i style={{ height: `${(100 * h.succeeded) / most}%` }} />
            </Link>
          );
        })}
      </div>
    </>
  );
}

function Parts({ dashboard }: { dashboard: Dashboard }) {
  const { t } = useTranslation();
  return (
    <ul className="lines">
      {dashboard.certificates.slice(0, 5).map((c) => (
        <li key={`${c.part} ${c.name} ${c.use} ${c.notAfter}`} className="spread">
          <Link to="/agents" hash="certificates">
            {t(`parts.use_${c.use}`, c.use)}: <Name of={c.name} most={32} />
          </Link>
          <CertificateBadge notAfter={c.notAfter} />
        </li>
      ))}
      {dashboard.certificates.length > 0 && <li className="caption">{t('parts.renew')}</li>}
      {dashboard.asOf !== undefined && (
        <li className="second">
          {t('parts.asOf')} <Time at={dashboard.asOf} />
        </li>
      )}
      {dashboard.controllers.map((c) =>
        c.members.length === 0 ? (
          <li key={c.id} className="spread">
            <Name of={c.id} />
            <PartBadge status="Unreachable" />
          </li>
        ) : (
          c.members.map((m) => (
            <li key={m.name} className="spread">
              <Link to="/controllers/$name" params={{ name: m.name }}>
                <Name of={m.name} />
              </Link>
              <PartBadge status={memberStatus(m)} />
            </li>
          ))
        ),
      )}
      {dashboard.agents.slice(0, 10).map((a) => (
        <li key={a.name} className="spread">
          <Link to="/agents/$name" params={{ name: a.name }}>
            <Name of={a.name} />
          </Link>
          <PartBadge status={agentStatus(a)} />
        </li>
      ))}
    </ul>
  );
}
