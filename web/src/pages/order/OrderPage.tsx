import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useParams, useSearch } from '@tanstack/react-router';
import { lazy, Suspense, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, take } from '../../api/client';
import { Act } from '../../dialogs/Act';
import { fits, type OrderAction } from '../../orders/actions';
import { keyOf, normal, readPosition } from '../../graph/position';
import { useWorkflowDocument, type WorkflowDocument } from '../../orders/document';
import { OrderDialog } from '../../orders/OrderDialog';
import * as addresses from '../../search';
import { useMay } from '../../session/session';
import { OrderBadge } from '../../state/Badge';
import { stepOf } from '../../timeline/timeline';
import { Timeline } from '../../timeline/Timeline';
import { Time } from '../../time/Time';
import { workflowHref } from '../../view/href';
import { Name, Text } from '../../view/Name';
import { Shown, Skeleton, View } from '../../view/View';
import { readOrder, type Order } from './order';
import { Events } from './Events';
import { Variables } from './Variables';
import './order.css';

const LogView = lazy(() => import('../../log/LogView'));
const ResumeDialog = lazy(() => import('../../orders/ResumeDialog'));

const tabs = ['timeline', 'log', 'variables', 'events'] as const;

/** One order: how it is, why, where, since when, and what can be done. */
export default function OrderPage() {
  const { t } = useTranslation();
  const { id } = useParams({ from: '/frame/orders/$id' });
  const search = useSearch({ from: '/frame/orders/$id' });
  const navigate = useNavigate({ from: '/orders/$id' });
  const order = useQuery({
    queryKey: ['order', id],
    queryFn: async () => readOrder(await take(api.GET('/orders/{id}', { params: { path: { id } } }))),
  });
  const steps = useQuery({
    queryKey: ['order', id, 'steps'],
    queryFn: async () =>
      (await take(api.GET('/orders/{id}/steps', { params: { path: { id }, query: { limit: 2000 } } }))).rows.map(
        stepOf,
      ),
  });
  const tab = search.tab ?? 'timeline';
  const document = useWorkflowDocument(order.data?.workflow);
  type Search = ReturnType<typeof addresses.order>;
  const set = (change: { [K in keyof Search]?: Search[K] | undefined }, replace = false) =>
    void navigate({ search: addresses.changed<Search>(search, change), replace });
  return (
    <View
      name="order"
      title={<Name of={id} most={64} />}
      tab={id}
      badges={order.data && <Head order={order.data} />}
      actions={
        order.data && (
          <Actions
            order={order.data}
            resume={search.resume}
            onResume={(resume) => set({ resume }, search.resume !== undefined)}
          />
        )
      }
      ready={order.isSuccess && steps.isSuccess}
      fill={tab === 'log' || tab === 'events'}
    >
      <Shown query={order}>
        {(o) => (
          <>
            <Facts order={o} document={document} />
            <div className="tabs" role="tablist">
              {tabs.map((name) => (
                <button
                  key={name}
                  type="button"
                  role="tab"
                  aria-selected={tab === name}
                  onClick={() => set({ tab: name === 'timeline' ? undefined : name, step: undefined, find: undefined })}
                >
                  {t(`orderPage.${name}`)}
                </button>
              ))}
            </div>
            {tab === 'timeline' && (
              <Shown query={steps}>
                {(rows) => <Timeline steps={rows} onOpen={(s) => set({ tab: 'log', step: s.task })} />}
              </Shown>
            )}
            {tab === 'log' && (
              <Suspense fallback={<Skeleton rows={12} />}>
                <LogView
                  orderId={id}
                  key={search.step ?? ''}
                  {...(search.step ? { task: search.step } : {})}
                  {...(search.line ? { line: search.line } : {})}
                  {...(search.find ? { find: search.find } : {})}
                  onAddress={(change) => set(change, true)}
                />
              </Suspense>
            )}
            {tab === 'events' && (
              <Events id={id} find={search.find} nameOf={document.nameOf} onFind={(find) => set({ find }, true)} />
            )}
            {tab === 'variables' && <Variables order={o} steps={steps.data ?? []} />}
          </>
        )}
      </Shown>
    </View>
  );
}

function Head({ order }: { order: Order }) {
  const { t } = useTranslation();
  return (
    <>
      <OrderBadge
        status={order.status}
        detail={order.returnCode === undefined ? undefined : t('order.returnCode', { code: order.returnCode })}
      />
      {order.mark && <span className="second">{t(`mark.${order.mark}`)}</span>}
    </>
  );
}

// An order that has ended stands nowhere any more.
const isOver = (status: string) => status === 'Finished' || status === 'Cancelled';

function Facts({ order, document }: { order: Order; document: WorkflowDocument }) {
  const { t } = useTranslation();
  const key = keyOf(normal(order.position));
  const at = document.nameOf(order.position);
  const breaks = document.workflow?.breakpoints.some((p) => {
    const position = readPosition(p);
    return position !== undefined && keyOf(normal(position)) === key;
  });
  return (
    <>
      {order.reason && (
        <p className="order-reason">
          <Text>{order.reason}</Text>
        </p>
      )}
      <ul className="facts">
        <li>
          <Link to={workflowHref(order.workflow.path)} search={{ order: order.id }}>
            <Name of={order.workflow.path} />
          </Link>{' '}
          <span className="faint mono">{order.workflow.versionId}</span>
        </li>
        {at !== '' && !isOver(order.status) && (
          <li>
            {t('orderPage.standsAt')}{' '}
            <Link
              to={workflowHref(order.workflow.path)}
              search={{ order: order.id, at: key, version: order.workflow.versionId }}
            >
              <Name of={at} most={32} />
            </Link>
            {order.status === 'Suspended' && breaks && ` (${t('graph.breakpoint')})`}
          </li>
        )}
        {order.parent && (
          <li>
            {t('orderPage.parent')}{' '}
            <Link to="/orders/$id" params={{ id: order.parent }}>
              <Name of={order.parent} />
            </Link>
          </li>
        )}
        {order.by && (
          <li>
            {t('orderPage.by', { account: order.by })} {order.addedAt > 0 && <Time at={order.addedAt} />}
          </li>
        )}
        {order.scheduledFor > 0 && (
          <li>
            {t('orderPage.scheduled')} <Time at={order.scheduledFor} />
          </li>
        )}
        {order.until > 0 && (
          <li>
            {t('orders.until')} <Time at={order.until} />
          </li>
        )}
        {order.agent && (
          <li>
            <Name of={order.agent} />
          </li>
        )}
        {order.priority !== 0 && <li>{t('orderPage.priority', { n: order.priority })}</li>}
        {order.status !== 'Suspended' && order.obstacles.map((o) => <li key={o}>{t(`obstacle.${o}`, o)}</li>)}
      </ul>
    </>
  );
}

interface ActionsProps {
  order: Order;
  /** The step at which it is to go on, or "here", while that is asked. */
  resume: string | undefined;
  onResume: (at: string | undefined) => void;
}

function Actions({ order, resume, onResume }: ActionsProps) {
  const { t } = useTranslation();
  const may = useMay('orders:manage');
  const [action, setAction] = useState<Exclude<OrderAction, 'resume'>>();
  const not = (a: OrderAction) => {
    if (!may) return t('act.notPermitted');
    return fits[a](order.status) ? undefined : t('act.notNow', { status: t(`status.${order.status}`) });
  };
  const offered = (['suspend', 'kill', 'delete', 'cancel'] as const).filter(
    (a) => a === 'suspend' || a === 'cancel' || fits[a](order.status),
  );
  return (
    <>
      {offered.map((a) => (
        <Act key={a} not={not(a)} onClick={() => setAction(a)}>
          {t(`act.${a}.short`)}
        </Act>
      ))}
      <Act variant="filled" not={not('resume')} onClick={() => onResume('here')}>
        {t('act.resume.short')}
      </Act>
      {resume !== undefined && not('resume') === undefined && (
        <Suspense>
          <ResumeDialog
            id={order.id}
            workflow={order.workflow}
            order={order}
            at={resume === 'here' ? '' : resume}
            onPick={(at) => onResume(at || 'here')}
            onClose={() => onResume(undefined)}
          />
        </Suspense>
      )}
      {action && <OrderDialog action={action} ids={[order.id]} onClose={() => setAction(undefined)} />}
    </>
  );
}
