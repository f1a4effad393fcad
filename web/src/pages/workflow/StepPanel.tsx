import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { lazy, Suspense, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { IconX } from '@tabler/icons-react';
import { api, take, type Schemas } from '../../api/client';
import { Act } from '../../dialogs/Act';
import { Confirm } from '../../dialogs/Confirm';
import { useWhyNot } from '../../dialogs/whyNot';
import { Counted } from '../../graph/Chips';
import type { Standing } from '../../graph/places';
import { keyOf, mayBegin, normal, readPosition } from '../../graph/position';
import type { Step } from '../../graph/tree';
import { stepName, typeWord } from '../../graph/words';
import { JobStats } from '../../stats/JobStats';
import { Text } from '../../view/Name';
import { Shown } from '../../view/View';
import { OrderList } from './OrderList';

const AddOrder = lazy(() => import('../../dialogs/AddOrder'));

interface Props {
  workflow: Schemas['Workflow'];
  step: Step;
  stand: Standing;
  breaks: ReadonlySet<string>;
  onClose: () => void;
}

/** What is known of a step, and what can be done with it. */
export function StepPanel({ workflow, step, stand, breaks, onClose }: Props) {
  const { t } = useTranslation();
  const name = stepName(step, t);
  const counts = stand.within.get(step.key);
  return (
    <aside className="step-panel" aria-label={t('step.title', { name })}>
      <header className="spread">
        <h2>
          <Text>{name}</Text>
        </h2>
        <button type="button" className="close" aria-label={t('step.close')} onClick={onClose}>
          <IconX size={16} aria-hidden />
        </button>
      </header>
      <dl className="facts">
        <Fact name={t('step.kind')} value={typeWord(step, t)} />
        {step.jobName && <Fact name={t('step.job')} value={step.jobName} />}
        {step.job?.agent && <Fact name={t('order.agent')} value={step.job.agent} />}
        {step.job?.processLimit && <Fact name={t('step.processLimit')} value={step.job.processLimit} />}
        {step.job?.timeout && (
          <Fact name={t('step.timeout')} value={t('step.seconds', { seconds: step.job.timeout })} />
        )}
        {step.detail && <Fact name={t('step.detail')} value={step.detail} />}
        <Fact name={t('step.position')} value={step.key} mono />
      </dl>
      {step.job?.script && (
        <pre className="script mono" tabIndex={0} aria-label={t('step.script')}>
          <Text lines>{head(step.job.script)}</Text>
        </pre>
      )}
      <Actions workflow={workflow} step={step} name={name} breaks={breaks} />
      <section aria-labelledby="step-orders">
        <h3 id="step-orders" className="row">
          {t('step.orders')} {counts && <Counted counts={counts} />}
        </h3>
        {counts ? (
          <OrdersHere path={workflow.path} versionId={workflow.versionId} step={step} />
        ) : (
          <p className="faint">{t('step.noOrders')}</p>
        )}
      </section>
      {step.job && (step.label !== '' || step.jobName !== '') && (
        <section aria-labelledby="step-runs">
          <h3 id="step-runs">{t('step.runs')}</h3>
          <JobStats workflow={workflow.path} job={step.jobName} label={step.label} />
        </section>
      )}
    </aside>
  );
}

function Fact({ name, value, mono }: { name: string; value: string; mono?: boolean }) {
  return (
    <>
      <dt>{name}</dt>
      <dd className={mono ? 'mono' : undefined}>
        <Text>{value}</Text>
      </dd>
    </>
  );
}

const mostLines = 12;

/** The first lines of a script. */
function head(script: string): string {
  const lines = script.trimEnd().slice(0, 4000).split('\n');
  return lines.length > mostLines ? [...lines.slice(0, mostLines), '…'].join('\n') : lines.join('\n');
}

interface ActionsProps {
  workflow: Schemas['Workflow'];
  step: Step;
  name: string;
  breaks: ReadonlySet<string>;
}

function Actions({ workflow, step, name, breaks }: ActionsProps) {
  const { t } = useTranslation();
  const queries = useQueryClient();
  const notControl = useWhyNot('workflows:control');
  const notOrders = useWhyNot('orders:manage');
  const [asks, setAsks] = useState<'skip' | 'break' | 'add'>();
  const { path, versionId } = workflow;
  const skipped = step.label !== '' && workflow.skip.includes(step.label);
  const stops = breaks.has(step.key);
  const [skip, stop] = [skipped ? 'unskip' : 'skip', stops ? 'unbreak' : 'break'] as const;
  const done = () => void queries.invalidateQueries({ queryKey: ['workflow', path] });
  const because = (reason: string | undefined) => (reason === undefined ? {} : { reason });
  return (
    <div className="row">
      <Act not={notControl ?? (step.label === '' ? t('step.needsLabel') : undefined)} onClick={() => setAsks('skip')}>
        {t(`step.${skip}`)}
      </Act>
      <Act not={notControl} onClick={() => setAsks('break')}>
        {t(`step.${stop}`)}
      </Act>
      <Act
        not={notOrders ?? (mayBegin(step.position) ? undefined : t('step.noBeginning'))}
        onClick={() => setAsks('add')}
      >
        {t('step.addHere')}
      </Act>
      {asks === 'skip' && (
        <Confirm
          question={t(`step.${skip}Ask`, { name })}
          consequences={[t(`step.${skip}Will`), t(`step.${skip}Back`)]}
          verb={t(`step.${skip}`)}
          reason="required"
          act={async (reason) => {
            const body = { path, skip: [{ label: step.label, skip: !skipped }], ...because(reason) };
            await take(api.POST('/workflows/control', { body }));
            done();
          }}
          onClose={() => setAsks(undefined)}
        />
      )}
      {asks === 'break' && (
        <Confirm
          question={t(`step.${stop}Ask`, { name })}
          consequences={[t(`step.${stop}Will`)]}
          verb={t(`step.${stop}`)}
          act={async (reason) => {
            const change = [[...step.position]];
            const body = { path, versionId, [stops ? 'remove' : 'add']: change, ...because(reason) };
            await take(api.POST('/workflows/breakpoints', { body }));
            done();
          }}
          onClose={() => setAsks(undefined)}
        />
      )}
      {asks === 'add' && (
        <Suspense>
          <AddOrder workflow={workflow} position={step.key} onClose={() => setAsks(undefined)} />
        </Suspense>
      )}
    </div>
  );
}

const mostOrders = 200;

function OrdersHere({ path, versionId, step }: { path: string; versionId: string; step: Step }) {
  const { t } = useTranslation();
  const query = useQuery({
    queryKey: ['workflow', path, 'orders', versionId],
    queryFn: () =>
      take(
        api.GET('/overview/orders', {
          params: { query: { workflow: path, versionId, children: true, limit: mostOrders } },
        }),
      ),
  });
  return (
    <Shown query={query}>
      {(d) => {
        const here = d.orders.filter((o) => isIn(o.position, step));
        const cut = d.orders.length < d.total;
        return (
          <>
            <OrderList rows={here.slice(0, 50)} />
            {(cut || here.length > 50) && (
              <p className="caption">
                {t('step.someOrders', { count: Math.min(here.length, 50) })}{' '}
                <Link to="/workflows/$" params={{ _splat: path }} search={{ tab: 'orders' }}>
                  {t('step.allOrders')}
                </Link>
              </p>
            )}
          </>
        );
      }}
    </Shown>
  );
}

/** Tells whether a position is a step's, or in its blocks. */
function isIn(position: unknown, step: Step): boolean {
  const at = readPosition(position);
  return at !== undefined && keyOf(normal(at).slice(0, step.position.length)) === step.key;
}
