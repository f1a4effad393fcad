import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, take, type Schemas } from '../../api/client';
import { Act } from '../../dialogs/Act';
import { useMay } from '../../session/session';
import { PartBadge } from '../../state/Badge';
import { Name, Text } from '../../view/Name';
import { Empty, Shown, View } from '../../view/View';
import { AgentDialog, type AgentAct } from './AgentDialog';
import { agentStatus, memberStatus } from './part';
import './agents.css';

type Agent = Schemas['Agent'];

/** Is every machine there, which is full, and what can be done with them. */
export default function AgentsPage() {
  const { t } = useTranslation();
  const agents = useQuery({
    queryKey: ['agents', 'list'],
    queryFn: () => take(api.GET('/agents', {})),
    refetchInterval: 5000,
  });
  const status = useQuery({
    queryKey: ['agents', 'controllers'],
    queryFn: () => take(api.GET('/controllers/status')),
    refetchInterval: 5000,
  });
  const version = useQuery({ queryKey: ['version'], queryFn: () => take(api.GET('/version')), staleTime: Infinity });
  const may = useMay('agents:manage');
  const [act, setAct] = useState<AgentAct>();
  return (
    <View
      name="agents"
      title={t('agents.title')}
      tab={t('nav.agents')}
      ready={agents.isSuccess && status.isSuccess}
      actions={
        <Act variant="filled" not={may ? undefined : t('agents.notPermitted')} onClick={() => setAct({ kind: 'add' })}>
          {t('agents.add.verb')}
        </Act>
      }
    >
      <section aria-labelledby="controllers" className="stack-small">
        <h2 id="controllers">{t('agents.controllers')}</h2>
        <Shown query={status}>
          {(s) => (
            <table className="plain-table" aria-labelledby="controllers">
              <thead>
                <tr>
                  <th>{t('agents.name')}</th>
                  <th>{t('order.state')}</th>
                  <th className="wide-cell">{t('agents.address')}</th>
                  <th className="wide-cell">{t('agents.history')}</th>
                </tr>
              </thead>
              <tbody>
                {s.controllers.map((c) => (
                  <Controller key={c.id} controller={c} />
                ))}
              </tbody>
            </table>
          )}
        </Shown>
      </section>
      <section aria-labelledby="agents" className="stack-small">
        <h2 id="agents">{t('nav.agents')}</h2>
        <Shown query={agents}>
          {(a) =>
            a.agents.length === 0 ? (
              <Empty title={t('agents.none')}>{t('agents.noneText')}</Empty>
            ) : (
              <table className="plain-table" aria-labelledby="agents">
                <thead>
                  <tr>
                    <th>{t('agents.name')}</th>
                    <th>{t('order.state')}</th>
                    <th className="number">{t('agents.processes')}</th>
                    <th className="number">{t('agents.orders')}</th>
                    <th className="wide-cell">{t('agents.address')}</th>
                    <th className="wide-cell" />
                  </tr>
                </thead>
                <tbody>
                  {a.agents.map((x) => (
                    <Row key={x.name} agent={x} may={may} onAct={setAct} />
                  ))}
                </tbody>
              </table>
            )
          }
        </Shown>
      </section>
      {version.data && (
        <p className="caption">{t('agents.cockpit', { version: version.data.version, commit: version.data.commit })}</p>
      )}
      {act && <AgentDialog act={act} onClose={() => setAct(undefined)} />}
    </View>
  );
}

function Controller({ controller: c }: { controller: Schemas['ControllerStatus'] }) {
  const { t } = useTranslation();
  const behind = c.history.problem;
  return (
    <>
      {(c.members.length ? c.members : [{ name: c.id, role: '', url: '', state: 'unreachable' }]).map((m, i) => (
        <tr key={m.name}>
          <td>
            <Name of={m.name} />
          </td>
          <td>
            <PartBadge status={c.members.length ? memberStatus(m) : 'Unreachable'} />
            {i === 0 && c.problem && (
              <p className="second">
                <Text>{c.problem.message}</Text>
              </p>
            )}
          </td>
          <td className="wide-cell second">
            <Name of={m.url} />
          </td>
          <td className="wide-cell second">
            {i === 0 && (behind ? <Text>{behind.message}</Text> : t('agents.upToDate'))}
          </td>
        </tr>
      ))}
    </>
  );
}

function Row({ agent: a, may, onAct }: { agent: Agent; may: boolean; onAct: (act: AgentAct) => void }) {
  const { t } = useTranslation();
  const not = may ? undefined : t('agents.notPermitted');
  return (
    <tr data-testid="row" data-key={a.name}>
      <td>
        <Name of={a.name} />
      </td>
      <td>
        <PartBadge status={agentStatus(a)} />
        {a.problem && !a.coupled && (
          <p className="second">
            <Text>{a.problem.message}</Text>
          </p>
        )}
      </td>
      <td className="number">
        {a.running.toLocaleString()}
        {a.processLimit !== undefined && <span className="faint"> / {a.processLimit.toLocaleString()}</span>}
      </td>
      <td className="number">
        <Link to="/orders" search={{ agent: a.name }}>
          {a.orders.toLocaleString()}
        </Link>
      </td>
      <td className="wide-cell second">
        <Name of={a.uri} />
      </td>
      <td className="wide-cell row-acts">
        <Act not={not} onClick={() => onAct({ kind: a.disabled ? 'enable' : 'disable', agent: a })}>
          {t(a.disabled ? 'agents.enable.short' : 'agents.disable.short')}
        </Act>
        <Act not={not} onClick={() => onAct({ kind: 'reset', agent: a })}>
          {t('agents.reset.short')}
        </Act>
      </td>
    </tr>
  );
}
