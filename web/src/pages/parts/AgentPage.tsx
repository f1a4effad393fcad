import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useParams, useSearch } from '@tanstack/react-router';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, take, type Schemas } from '../../api/client';
import { Act } from '../../dialogs/Act';
import { useMay } from '../../session/session';
import { PartBadge } from '../../state/Badge';
import { BehindBadge } from '../../state/TrustBadge';
import { CertificateBadge } from '../../state/certificate';
import { Age, Time } from '../../time/Time';
import { Name, Text } from '../../view/Name';
import { Empty, ProblemBox, Shown, Skeleton } from '../../view/View';
import { workflowHref } from '../../view/href';
import { AgentDialog, type AgentAct } from '../agents/AgentDialog';
import { agentStatus } from '../agents/part';
import { PartCertificates } from './PartCertificates';
import { PartTrust } from './PartTrust';
import { Facts, PartPage, Since } from './PartPage';

type Agent = Schemas['Agent'];

/** One Agent: what runs there, what waits, and its log. */
export default function AgentPage() {
  const { t } = useTranslation();
  const { name } = useParams({ from: '/frame/agents/$name' });
  const { tab = 'overview' } = useSearch({ from: '/frame/agents/$name' });
  const navigate = useNavigate({ from: '/agents/$name' });
  const list = useQuery({
    queryKey: ['agents', 'list'],
    queryFn: () => take(api.GET('/agents', { params: { query: { known: true } } })),
    refetchInterval: 5000,
  });
  const agent = list.data?.agents.find((a) => a.name === name);
  const may = useMay('agents:manage');
  const [act, setAct] = useState<AgentAct>();
  const not = may ? undefined : t('agents.notPermitted');
  const ask = (kind: 'enable' | 'disable' | 'reset') => agent && setAct({ kind, agent });
  return (
    <PartPage
      view="agent"
      name={name}
      badges={
        agent && (
          <>
            <PartBadge status={agentStatus(agent)} />
            <BehindBadge count={agent.behind} />
          </>
        )
      }
      ready={list.isSuccess}
      tab={tab}
      onTab={(x) => void navigate({ search: x === 'overview' ? {} : { tab: x }, replace: true })}
      read={(after) =>
        take(api.GET('/agents/{name}/log', { params: { path: { name }, query: { after, limit: 2000 } } }))
      }
      actions={
        agent && (
          <>
            <Act not={not} onClick={() => ask(agent.disabled ? 'enable' : 'disable')}>
              {t(agent.disabled ? 'agents.enable.verb' : 'agents.disable.verb')}
            </Act>
            <Act not={not} onClick={() => ask('reset')}>
              {t('agents.reset.verb')}
            </Act>
          </>
        )
      }
    >
      {list.isError && <ProblemBox problem={list.error} onAgain={() => void list.refetch()} />}
      {!list.data && !list.isError && <Skeleton />}
      {list.data && !agent && (
        <Empty title={t('parts.unknownAgent')} action={<Link to="/agents">{t('parts.toList')}</Link>}>
          {t('view.notFoundText')}
        </Empty>
      )}
      {agent && <Overview agent={agent} />}
      {act && <AgentDialog act={act} onClose={() => setAct(undefined)} />}
    </PartPage>
  );
}

function Overview({ agent: a }: { agent: Agent }) {
  const { t } = useTranslation();
  const query = useQuery({
    queryKey: ['agents', 'activity', a.name],
    queryFn: () => take(api.GET('/agents/{name}/activity', { params: { path: { name: a.name } } })),
    refetchInterval: 3000,
    retry: false,
    enabled: a.coupled,
  });
  const now = query.data;
  return (
    <>
      {a.problem && !a.coupled && (
        <div className="note attn" role="status">
          <div>
            <p>
              <Text>{a.problem.message}</Text>
            </p>
            <p className="second">{t('parts.cutOffMeans', { count: a.orders })}</p>
          </div>
        </div>
      )}
      <Facts
        of={[
          [t('agents.processes'), <Processes key="p" agent={a} now={now} />],
          [t('parts.waiting'), (now?.waitingCount ?? 0).toLocaleString()],
          [
            t('agents.orders'),
            <Link key="o" to="/orders" search={{ agent: a.name }}>
              {a.orders.toLocaleString()}
            </Link>,
          ],
          [t('agents.address'), <Name key="a" of={a.uri} most={64} />],
          a.version ? [t('parts.version'), <Name key="v" of={a.version} />] : undefined,
          a.since ? [t('parts.runsSince'), <Since key="s" at={a.since} />] : undefined,
          a.certificateEnds
            ? [t('parts.certificate'), <CertificateBadge key="c" notAfter={a.certificateEnds} />]
            : undefined,
          a.heard ? [t('parts.heard'), <Time key="h" at={a.heard} />] : undefined,
        ]}
      />
      {a.coupled ? (
        <Shown query={query}>{(x) => <Steps activity={x} />}</Shown>
      ) : (
        <Empty title={t('parts.notAsked')}>{t('parts.notAskedText')}</Empty>
      )}
      {now && <PartCertificates rows={now.certificates} />}
      <PartTrust part="agent" name={a.name} />
    </>
  );
}

/** How many processes run, and how many may. */
function Processes({ agent: a, now }: { agent: Agent; now: Schemas['AgentActivity'] | undefined }) {
  const { t } = useTranslation();
  const own = now?.processLimit;
  const byDocument = a.processLimit !== undefined && (own === undefined || a.processLimit <= own);
  const limit = byDocument ? a.processLimit : own;
  return (
    <>
      {(now?.runningCount ?? a.running).toLocaleString()}
      {limit !== undefined && <span className="faint"> / {limit.toLocaleString()}</span>}
      {limit !== undefined && (
        <span className="caption block">
          {byDocument ? t('parts.limitDocument') : <Text>{now?.limitReason ?? ''}</Text>}
        </span>
      )}
    </>
  );
}

function Steps({ activity: x }: { activity: Schemas['AgentActivity'] }) {
  const { t } = useTranslation();
  return (
    <>
      <section aria-labelledby="processes" className="stack-small">
        <h2 id="processes">{t('parts.runs')}</h2>
        {x.running.length === 0 ? (
          <p className="faint">{t('dashboard.noneRuns')}</p>
        ) : (
          <table className="plain-table" aria-labelledby="processes">
            <thead>
              <tr>
                <th>{t('order.id')}</th>
                <th>{t('order.step')}</th>
                <th className="wide-cell">{t('order.workflow')}</th>
                <th className="number">{t('order.since')}</th>
                <th className="number">{t('parts.pid')}</th>
              </tr>
            </thead>
            <tbody>
              {x.running.map((s) => (
                <tr key={s.task ?? s.orderId} data-testid="row" data-key={s.orderId}>
                  <StepCells step={s} />
                  <td className="number">{s.since ? <Age since={s.since} /> : ''}</td>
                  <td className="number mono">{s.pid ?? <span className="faint">{t('parts.starting')}</span>}</td>
                </tr>
              ))}
            </tbody>
          </table>
        )}
        <More shown={x.running.length} all={x.runningCount} />
      </section>
      <section aria-labelledby="queue" className="stack-small">
        <h2 id="queue">{t('parts.queue')}</h2>
        {x.waiting.length === 0 ? (
          <p className="faint">{t('parts.noQueue')}</p>
        ) : (
          <table className="plain-table" aria-labelledby="queue">
            <thead>
              <tr>
                <th>{t('order.id')}</th>
                <th>{t('order.step')}</th>
                <th className="wide-cell">{t('order.workflow')}</th>
                <th>{t('parts.why')}</th>
                <th className="number">{t('parts.place')}</th>
              </tr>
            </thead>
            <tbody>
              {x.waiting.map((s) => (
                <tr key={s.orderId} data-testid="row" data-key={s.orderId}>
                  <StepCells step={s} />
                  <td>{t(s.jobFull ? 'parts.jobFull' : 'parts.agentFull')}</td>
                  <td className="number">{s.place?.toLocaleString()}</td>
                </tr>
              ))}
            </tbody>
          </table>
        )}
        <More shown={x.waiting.length} all={x.waitingCount} />
      </section>
    </>
  );
}

function StepCells({ step: s }: { step: Schemas['AgentStep'] }) {
  return (
    <>
      <td>
        <Link to="/orders/$id" params={{ id: s.orderId }}>
          <Name of={s.orderId} most={32} />
        </Link>
      </td>
      <td>
        <Name of={s.label || s.job} most={32} />
      </td>
      <td className="wide-cell second">
        <Link to={workflowHref(s.workflow)}>
          <Name of={s.workflow} />
        </Link>
      </td>
    </>
  );
}

function More({ shown, all }: { shown: number; all: number }) {
  const { t } = useTranslation();
  if (all <= shown) return null;
  return <p className="caption">{t('view.of', { shown: shown.toLocaleString(), total: all.toLocaleString() })}</p>;
}
