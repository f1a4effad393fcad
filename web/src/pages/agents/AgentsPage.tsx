import { TextInput } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { useState, type ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { api, take, type Schemas } from '../../api/client';
import { Act } from '../../dialogs/Act';
import { useControllers } from '../../frame/controllers';
import { changed } from '../../search';
import { useMay } from '../../session/session';
import { PartBadge } from '../../state/Badge';
import { BehindBadge } from '../../state/TrustBadge';
import { CertificateBadge } from '../../state/certificate';
import { Age, Time } from '../../time/Time';
import { Text } from '../../view/Name';
import { Empty, Shown, View } from '../../view/View';
import { PartLink } from '../parts/PartPage';
import { AgentDialog, type AgentAct } from './AgentDialog';
import { agentStatus, cockpitStatus, memberStatus } from './part';
import { TrustMaterial } from './TrustMaterial';
import './agents.css';

type Agent = Schemas['Agent'];

/** How many Agents are shown at once; a search finds the others. */
const mostAgents = 300;

/** Is every machine there, which is full, and whose certificate ends. */
export default function AgentsPage() {
  const { t } = useTranslation();
  const agents = useQuery({
    queryKey: ['agents', 'list'],
    queryFn: () => take(api.GET('/agents', { params: { query: { known: true } } })),
    refetchInterval: 5000,
  });
  const status = useControllers();
  const cockpits = useQuery({
    queryKey: ['agents', 'cockpits'],
    queryFn: () => take(api.GET('/cockpits')),
    refetchInterval: 5000,
  });
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
      <Section id="controllers" title={t('agents.controllers')}>
        <Shown query={status}>
          {(s) => (
            <table className="plain-table" aria-labelledby="controllers">
              <Heads />
              <tbody>
                {s.controllers.map((c) => (
                  <Controller key={c.id} controller={c} />
                ))}
              </tbody>
            </table>
          )}
        </Shown>
      </Section>
      <Section id="agents" title={t('nav.agents')}>
        <Shown query={agents}>{(a) => <AgentList all={a.agents} asOf={a.asOf} may={may} onAct={setAct} />}</Shown>
      </Section>
      <Section id="cockpits" title={t('parts.cockpits')}>
        <Shown query={cockpits}>
          {(c) => (
            <table className="plain-table" aria-labelledby="cockpits">
              <Heads />
              <tbody>
                {c.cockpits.map((x) => (
                  <tr key={x.name} data-testid="row" data-key={x.name}>
                    <td>
                      <PartLink part="cockpit" name={x.name} />
                    </td>
                    <td>
                      <PartBadge status={cockpitStatus(x)} /> <BehindBadge count={x.behind} />
                      {x.answers && <p className="second">{t('parts.answersYou')}</p>}
                      {!x.alive && (
                        <p className="second">
                          {t('parts.lastHeard')} <Time at={x.heard} />
                        </p>
                      )}
                    </td>
                    <Built version={x.version} since={x.since} certificate={x.certificateEnds} />
                  </tr>
                ))}
              </tbody>
            </table>
          )}
        </Shown>
      </Section>
      <Section id="trust" title={t('trustMaterial.title')}>
        <TrustMaterial />
      </Section>
      <p>
        <Link to="/certificates" search={{ tab: 'use' }}>
          {t('agents.toCertificates')}
        </Link>
      </p>
      {act && <AgentDialog act={act} onClose={() => setAct(undefined)} />}
    </View>
  );
}

function Section({ id, title, children }: { id: string; title: string; children: ReactNode }) {
  return (
    <section aria-labelledby={id} className="stack-small">
      <h2 id={id}>{title}</h2>
      {children}
    </section>
  );
}

function Heads() {
  const { t } = useTranslation();
  return (
    <thead>
      <tr>
        <th className="part-name">{t('agents.name')}</th>
        <th>{t('order.state')}</th>
        <th className="wide-cell">{t('parts.version')}</th>
        <th className="wide-cell">{t('parts.runsSince')}</th>
        <th className="wide-cell">{t('parts.certificate')}</th>
      </tr>
    </thead>
  );
}

/** What is built in, since when it runs, and when its certificate ends. */
function Built({
  version,
  since,
  certificate,
}: {
  version?: string | undefined;
  since?: number | undefined;
  certificate?: number | undefined;
}) {
  return (
    <>
      <td className="wide-cell second">
        <Text>{version ?? ''}</Text>
      </td>
      <td className="wide-cell second">{since ? <Age since={since} /> : ''}</td>
      <td className="wide-cell">{certificate ? <CertificateBadge notAfter={certificate} /> : ''}</td>
    </>
  );
}

function Controller({ controller: c }: { controller: Schemas['ControllerStatus'] }) {
  const { t } = useTranslation();
  const members = c.members.length ? c.members : [{ name: c.id, role: '', url: '', state: 'unreachable' }];
  return (
    <>
      {members.map((m, i) => (
        <tr key={m.name} data-testid="row" data-key={m.name}>
          <td>{c.members.length ? <PartLink part="controller" name={m.name} /> : <Text>{m.name}</Text>}</td>
          <td>
            <PartBadge status={memberStatus(m)} /> <BehindBadge count={m.behind} />
            {i === 0 && c.problem && (
              <p className="second">
                <Text>{c.problem.message}</Text>
              </p>
            )}
            {i === 0 && c.history.problem && (
              <p className="second">
                {t('agents.history')}: <Text>{c.history.problem.message}</Text>
              </p>
            )}
          </td>
          <Built version={m.version} since={m.since} certificate={m.certificateEnds} />
        </tr>
      ))}
    </>
  );
}

/** Those first that need somebody. */
function byTrouble(a: Agent, b: Agent): number {
  const rank = (x: Agent) => (x.disabled ? 1 : x.coupled ? 2 : 0);
  return rank(a) - rank(b) || a.name.localeCompare(b.name);
}

interface ListProps {
  all: readonly Agent[];
  asOf: number | undefined;
  may: boolean;
  onAct: (act: AgentAct) => void;
}

function AgentList({ all, asOf, may, onAct }: ListProps) {
  const { t } = useTranslation();
  const search = useSearch({ from: '/frame/agents' });
  const { q } = search;
  const navigate = useNavigate({ from: '/agents' });
  if (all.length === 0) return <Empty title={t('agents.none')}>{t('agents.noneText')}</Empty>;
  const low = q?.toLowerCase() ?? '';
  const found = all.filter((a) => a.name.toLowerCase().includes(low)).sort(byTrouble);
  return (
    <>
      {asOf !== undefined && (
        <p className="second">
          {t('parts.asOf')} <Time at={asOf} />
        </p>
      )}
      {(all.length > 10 || q) && (
        <TextInput
          type="search"
          aria-label={t('parts.findAgent')}
          placeholder={t('parts.findAgent')}
          defaultValue={q ?? ''}
          className="agents-find"
          onChange={(e) =>
            void navigate({
              search: changed<typeof search>(search, { q: e.currentTarget.value || undefined }),
              replace: true,
            })
          }
        />
      )}
      {found.length === 0 ? (
        <Empty title={t('parts.noAgentMatches')} />
      ) : (
        <table className={asOf === undefined ? 'plain-table' : 'plain-table stale'} aria-labelledby="agents">
          <thead>
            <tr>
              <th className="part-name">{t('agents.name')}</th>
              <th>{t('order.state')}</th>
              <th className="number">{t('agents.processes')}</th>
              <th className="number">{t('agents.orders')}</th>
              <th className="wide-cell">{t('parts.version')}</th>
              <th className="wide-cell">{t('parts.certificate')}</th>
              <th className="wide-cell" />
            </tr>
          </thead>
          <tbody>
            {found.slice(0, mostAgents).map((x) => (
              <Row key={x.name} agent={x} may={may} onAct={onAct} />
            ))}
          </tbody>
        </table>
      )}
      {found.length > mostAgents && (
        <p className="caption">
          {t('view.of', { shown: mostAgents.toLocaleString(), total: found.length.toLocaleString() })}
        </p>
      )}
    </>
  );
}

function Row({ agent: a, may, onAct }: { agent: Agent; may: boolean; onAct: (act: AgentAct) => void }) {
  const { t } = useTranslation();
  const not = may ? undefined : t('agents.notPermitted');
  return (
    <tr data-testid="row" data-key={a.name}>
      <td>
        <PartLink part="agent" name={a.name} />
      </td>
      <td>
        <PartBadge status={agentStatus(a)} /> <BehindBadge count={a.behind} />
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
        <Text>{a.version ?? ''}</Text>
      </td>
      <td className="wide-cell">{a.certificateEnds ? <CertificateBadge notAfter={a.certificateEnds} /> : ''}</td>
      <td className="wide-cell">
        <div className="row-acts">
          <Act not={not} onClick={() => onAct({ kind: a.disabled ? 'enable' : 'disable', agent: a })}>
            {t(a.disabled ? 'agents.enable.short' : 'agents.disable.short')}
          </Act>
          <Act not={not} onClick={() => onAct({ kind: 'reset', agent: a })}>
            {t('agents.reset.short')}
          </Act>
        </div>
      </td>
    </tr>
  );
}
