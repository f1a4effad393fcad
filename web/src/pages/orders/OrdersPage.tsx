import { Button, TextInput } from '@mantine/core';
import { keepPreviousData, useInfiniteQuery } from '@tanstack/react-query';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useMore } from '../../table/more';
import { api, take, type Schemas } from '../../api/client';
import { Act } from '../../dialogs/Act';
import { OrderDialog } from '../../orders/OrderDialog';
import { fits, type OrderAction } from '../../orders/actions';
import * as addresses from '../../search';
import { useMay } from '../../session/session';
import { OrderBadge } from '../../state/Badge';
import { Icon } from '../../state/Icon';
import { orderLooks, statusGroups } from '../../state/status';
import { Table, type Column } from '../../table/Table';
import { Age, Time } from '../../time/Time';
import { Name, Text } from '../../view/Name';
import { Empty, Shown, View } from '../../view/View';
import { workflowHref } from '../../view/href';
import './orders.css';

type Row = Schemas['OrderRow'];

const pageSize = 200;

/** All open orders, those first that need a person. */
export default function OrdersPage() {
  const { t } = useTranslation();
  const search = useSearch({ from: '/frame/orders' });
  const navigate = useNavigate({ from: '/orders' });
  const query = useOrders(search);
  const rows = useMemo(() => query.data?.pages.flatMap((p) => p.orders) ?? [], [query.data]);
  const counts = query.data?.pages[0]?.counts ?? {};
  const total = query.data?.pages[0]?.total ?? 0;
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const [dialog, setDialog] = useState<{ action: OrderAction; ids: string[] }>();
  const mayManage = useMay('orders:manage');
  const onEnd = useMore(query);
  const set = (change: { [K in keyof Search]?: Search[K] | undefined }) =>
    void navigate({ search: addresses.changed<Search>(search, change), replace: true });
  const active = search.state?.split(',') ?? [];
  const toggle = (of: readonly string[]) => {
    const on = of.every((s) => active.includes(s));
    const next = on ? active.filter((s) => !of.includes(s)) : [...active.filter((s) => !of.includes(s)), ...of];
    set({ state: next.join(',') || undefined });
  };
  const filtered = Boolean(search.state ?? search.q ?? search.workflow ?? search.folder ?? search.agent);
  const chosenRows = rows.filter((r) => chosen.has(r.id));
  return (
    <View
      name="orders"
      title={
        <>
          {t('nav.orders')} <span className="faint">{total.toLocaleString()}</span>
        </>
      }
      tab={t('nav.orders')}
      ready={query.isSuccess}
      fill
    >
      <div className="row">
        <TextInput
          type="search"
          aria-label={t('orders.search')}
          placeholder={t('orders.search')}
          defaultValue={search.q ?? ''}
          key={search.q === undefined ? 'none' : 'some'}
          className="orders-search"
          onChange={(e) => set({ q: e.currentTarget.value || undefined })}
        />
        {(['workflow', 'folder', 'agent'] as const).map(
          (name) =>
            search[name] && (
              <button key={name} type="button" className="filter-chip" onClick={() => set({ [name]: undefined })}>
                {t(`orders.${name}`)} <Name of={search[name]} most={32} /> <span aria-hidden="true">×</span>
                <span className="hidden-text">{t('orders.remove')}</span>
              </button>
            ),
        )}
        <label className="orders-fold">
          <input
            type="checkbox"
            checked={search.children !== 'show'}
            onChange={(e) => set({ children: e.target.checked ? undefined : 'show' })}
          />
          {t('orders.fold')}
        </label>
      </div>
      <ul className="status-filters" aria-label={t('order.state')}>
        {statusGroups.map(([name, of]) => {
          const n = of.reduce((n, s) => n + (counts[s] ?? 0), 0);
          const on = of.every((s) => active.includes(s));
          return (
            <li key={name}>
              <button type="button" aria-pressed={on} className={n === 0 ? 'none' : ''} onClick={() => toggle(of)}>
                <span className={`counts-name ${orderLooks[name]?.family ?? 'off'}`}>
                  <Icon name={orderLooks[name]?.icon ?? 'circle'} size={14} />
                </span>
                {t(`status.${name}`)} <b>{n.toLocaleString()}</b>
              </button>
            </li>
          );
        })}
      </ul>
      <Shown query={query}>
        {() =>
          rows.length === 0 ? (
            <Empty
              title={filtered ? t('orders.noMatch') : t('orders.none')}
              action={
                filtered && (
                  <Button variant="default" onClick={() => void navigate({ search: {} })}>
                    {t('view.clear')}
                  </Button>
                )
              }
            >
              {!filtered && t('orders.noneText')}
            </Empty>
          ) : (
            <Table
              label={t('nav.orders')}
              rows={rows}
              columns={columns(t)}
              keyOf={(r) => r.id}
              total={total}
              chosen={chosen}
              onChoose={setChosen}
              chooseLabel={(r) => t('orders.choose', { id: r.id })}
              onOpen={(r) => void navigate({ to: '/orders/$id', params: { id: r.id } })}
              onEnd={onEnd}
            />
          )
        }
      </Shown>
      {chosenRows.length > 0 && (
        <div className="bulk" role="toolbar" aria-label={t('orders.bulk')}>
          <span>{t('orders.chosen', { count: chosenRows.length })}</span>
          {(['resume', 'suspend', 'cancel'] as const).map((action) => {
            const fit = chosenRows.filter((r) => fits[action](r.status)).map((r) => r.id);
            const not = !mayManage ? t('act.notPermitted') : fit.length === 0 ? t('act.fitsNone') : undefined;
            const all = fit.length === chosenRows.length;
            return (
              <Act key={action} not={not} onClick={() => setDialog({ action, ids: fit })}>
                {t(`act.${action}.short`)}
                {!all && ` (${t('view.of', { shown: fit.length, total: chosenRows.length })})`}
              </Act>
            );
          })}
          <Act onClick={() => setChosen(new Set())}>{t('orders.unchoose')}</Act>
        </div>
      )}
      {dialog && (
        <OrderDialog
          {...dialog}
          onClose={(done) => {
            setDialog(undefined);
            if (done) setChosen(new Set());
          }}
        />
      )}
    </View>
  );
}

type Search = ReturnType<typeof addresses.orders>;

function useOrders(search: Search) {
  const filter = {
    ...(search.state ? { status: search.state } : {}),
    ...(search.workflow ? { workflow: search.workflow } : {}),
    ...(search.folder ? { folder: search.folder } : {}),
    ...(search.agent ? { agent: search.agent } : {}),
    ...(search.q ? { q: search.q } : {}),
    ...(search.sort ? { sort: search.sort } : {}),
    ...(search.children ? { children: true } : {}),
  };
  return useInfiniteQuery({
    queryKey: ['orders', 'list', filter],
    queryFn: ({ pageParam }) =>
      take(api.GET('/overview/orders', { params: { query: { ...filter, offset: pageParam, limit: pageSize } } })),
    initialPageParam: 0,
    getNextPageParam: (last, all) => {
      const have = all.reduce((n, p) => n + p.orders.length, 0);
      // Nobody reads thousands of rows: a filter finds what is wanted.
      return last.orders.length === pageSize && have < 5000 ? have : undefined;
    },
    placeholderData: keepPreviousData,
  });
}

function columns(t: ReturnType<typeof useTranslation>['t']): Column<Row>[] {
  return [
    {
      id: 'id',
      title: t('order.id'),
      width: 'minmax(120px, 2fr)',
      cell: (r) => (
        <Link to="/orders/$id" params={{ id: r.id }}>
          <Name of={r.id} most={36} />
        </Link>
      ),
    },
    {
      id: 'state',
      title: t('order.state'),
      width: 'minmax(130px, 1.2fr)',
      cell: (r) => (
        <OrderBadge
          status={r.status}
          detail={
            r.mark
              ? t(`mark.${r.mark}`)
              : r.returnCode === undefined
                ? undefined
                : t('order.returnCode', { code: r.returnCode })
          }
        />
      ),
    },
    {
      id: 'workflow',
      title: t('order.workflow'),
      width: 'minmax(0, 2fr)',
      second: true,
      cell: (r) => (
        <Link to={workflowHref(r.workflow.path)}>
          <Name of={r.workflow.path} most={36} />
        </Link>
      ),
    },
    {
      id: 'step',
      title: t('order.step'),
      width: 'minmax(0, 1fr)',
      second: true,
      cell: (r) => (r.label ? <Name of={r.label} most={24} /> : <span className="faint">–</span>),
    },
    {
      id: 'since',
      title: t('order.since'),
      width: '64px',
      number: true,
      second: true,
      cell: (r) => <Age since={r.since} />,
    },
    {
      id: 'reason',
      title: t('order.reason'),
      width: 'minmax(0, 3fr)',
      second: true,
      cell: (r) => <Reason row={r} />,
    },
    {
      id: 'agent',
      title: t('order.agent'),
      width: 'minmax(0, 1fr)',
      wide: true,
      cell: (r) => (r.agent ? <Name of={r.agent} most={20} /> : <span className="faint">–</span>),
    },
  ];
}

/** Why an order is where it is, in a few words. */
function Reason({ row }: { row: Row }) {
  const { t } = useTranslation();
  if (row.reason) return <Text>{row.reason}</Text>;
  if (row.until) {
    return (
      <>
        {t('orders.until')} <Time at={row.until} />
      </>
    );
  }
  if (row.waits) {
    const { for: of, name, limit } = row.waits;
    return <Text>{t(`orders.waits.${of}`, { name: name || t('orders.waits.unnamed'), limit })}</Text>;
  }
  if (row.status === 'Scheduled' && row.scheduledFor) {
    return (
      <>
        {t('orders.starts')} <Time at={row.scheduledFor} />
      </>
    );
  }
  if (row.children) {
    const parts = Object.entries(row.children).map(([s, n]) => `${n.toLocaleString()} ${t(`status.${s}`)}`);
    return <>{parts.join(', ')}</>;
  }
  return <span className="faint">–</span>;
}
