import { keepPreviousData, useInfiniteQuery } from '@tanstack/react-query';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { useCallback, useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useMore } from '../../table/more';
import { api, take, type Schemas } from '../../api/client';
import * as addresses from '../../search';
import { OrderBadge, OutcomeBadge } from '../../state/Badge';
import { FilterBar, type Filter } from '../../table/FilterBar';
import { Table, type Column } from '../../table/Table';
import { formatDuration } from '../../time/format';
import { readMoment } from '../../time/range';
import { Time } from '../../time/Time';
import { workflowHref } from '../../view/href';
import { Name, Text } from '../../view/Name';
import { Empty, Shown, View } from '../../view/View';
import { Saved } from './Saved';
import { exportHref, type HistoryFilter } from './filter';
import { resultName } from '../../state/result';
import './history.css';

type Search = ReturnType<typeof addresses.history>;
type Step = Schemas['HistoryStep'];
type Run = Schemas['HistoryRun'];

const ranges = ['-1h', '-6h', '-24h', '-7d', '-30d'] as const;
const stepResults = ['open', 'succeeded', 'failed', 'timedOut', 'killed', 'lost', 'disrupted'];
const runResults = ['open', 'succeeded', 'failed', 'cancelled'];

/** What happened: orders or their steps, the newest first. */
export default function HistoryPage() {
  const { t } = useTranslation();
  const search = useSearch({ from: '/frame/history' });
  const navigate = useNavigate({ from: '/history' });
  const kind = search.kind ?? 'orders';
  const set = useCallback(
    (change: { [K in keyof Search]?: Search[K] | undefined }) =>
      void navigate({ search: (s) => addresses.changed<Search>(s, change), replace: true }),
    [navigate],
  );
  const onFilter = useCallback((name: string, value: string | undefined) => set({ [name]: value }), [set]);
  const filter = useFilter(search);
  const filters: Filter[] = [
    {
      name: 'from',
      label: t('history.from'),
      options: ranges.map((r) => ({ value: r, label: t(`history.range.${r}`) })),
    },
    {
      name: 'state',
      label: t('history.result'),
      options: (kind === 'steps' ? stepResults : runResults).map((r) => ({
        value: r,
        label: t(`outcome.${resultName(r)}`),
      })),
    },
    { name: 'workflow', label: t('order.workflow') },
    ...(kind === 'steps'
      ? [
          { name: 'job', label: t('history.job') },
          { name: 'agent', label: t('order.agent') },
          { name: 'rc', label: t('history.returnCode') },
        ]
      : []),
    { name: 'q', label: t('history.text'), wide: true },
  ];
  const active = Object.entries(search).some(([k, v]) => k !== 'kind' && v !== undefined);
  return (
    <View name="history" title={t('nav.history')} tab={t('nav.history')} ready fill>
      <div className="tabs" role="tablist">
        {(['orders', 'steps'] as const).map((k) => (
          <button
            key={k}
            type="button"
            role="tab"
            aria-selected={kind === k}
            onClick={() => set({ kind: k === 'orders' ? undefined : k, state: undefined })}
          >
            {t(`history.${k}`)}
          </button>
        ))}
      </div>
      <FilterBar
        label={t('history.filters')}
        filters={filters}
        values={search}
        onChange={onFilter}
        onClear={active ? () => void navigate({ search: kind === 'steps' ? { kind } : {} }) : undefined}
      >
        <span className="filters-end">
          <Saved page="history" search={search} onOpen={(query) => void navigate({ href: `/history?${query}` })} />
          {(['csv', 'json'] as const).map((format) => (
            <a key={format} className="button" href={exportHref(kind, format, filter)} download>
              {t('history.export', { format: format.toUpperCase() })}
            </a>
          ))}
        </span>
      </FilterBar>
      {kind === 'steps' ? <Steps filter={filter} /> : <Runs filter={filter} />}
    </View>
  );
}

/** The filter as the API takes it. Relative times count from when the address was opened or changed. */
function useFilter(search: Search): HistoryFilter {
  const [opened] = useState(() => Date.now());
  return useMemo(() => {
    const from = readMoment(search.from, opened);
    const to = readMoment(search.to, opened);
    const rc = search.rc === undefined ? NaN : Number(search.rc);
    return {
      ...(from === undefined ? {} : { from }),
      ...(to === undefined ? {} : { to }),
      ...(search.state ? { result: search.state } : {}),
      ...(search.workflow ? { workflow: search.workflow } : {}),
      ...(search.q ? { text: search.q } : {}),
      ...(search.kind === 'steps' && search.job ? { job: search.job } : {}),
      ...(search.kind === 'steps' && search.agent ? { agent: search.agent } : {}),
      ...(search.kind === 'steps' && Number.isInteger(rc) ? { returnCode: rc } : {}),
    };
  }, [search, opened]);
}

const pageSize = 200;

interface Page<T> {
  rows: T[];
  cursor?: string;
  more?: boolean;
  reached?: number;
  count?: number;
  countMore?: boolean;
}

function useRows<T>(kind: string, filter: HistoryFilter, ask: (cursor: string | undefined) => Promise<Page<T>>) {
  return useInfiniteQuery({
    queryKey: ['history', kind, filter],
    queryFn: ({ pageParam }) => ask(pageParam),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last, all) => (all.length < 25 ? last.cursor : undefined),
    placeholderData: keepPreviousData,
  });
}

function Rows<T>({
  query,
  label,
  columns,
  keyOf,
  onOpen,
}: {
  query: ReturnType<typeof useRows<T>>;
  label: string;
  columns: readonly Column<T>[];
  keyOf: (row: T) => string;
  onOpen: (row: T) => void;
}) {
  const { t } = useTranslation();
  const search = useSearch({ from: '/frame/history' });
  const filtered = Object.entries(search).some(([name, v]) => name !== 'kind' && v !== undefined);
  const rows = query.data?.pages.flatMap((p) => p.rows) ?? [];
  const first = query.data?.pages[0];
  const last = query.data?.pages.at(-1);
  const onEnd = useMore(query);
  return (
    <Shown query={query}>
      {() => (
        <>
          <p className="caption" role="status">
            {first?.count !== undefined &&
              t(first.countMore ? 'history.countMore' : 'history.count', { count: first.count })}
            {last?.more && last.reached !== undefined && (
              <>
                {' · '}
                {t('history.reached')} <Time at={last.reached} />{' '}
                <button type="button" className="link" onClick={() => void query.fetchNextPage()}>
                  {t('history.goOn')}
                </button>
              </>
            )}
          </p>
          {rows.length === 0 ? (
            <Empty title={t(filtered ? 'history.none' : 'history.never')}>
              {t(filtered ? 'history.noneText' : 'history.neverText')}
            </Empty>
          ) : (
            <Table label={label} rows={rows} columns={columns} keyOf={keyOf} onOpen={onOpen} onEnd={onEnd} />
          )}
        </>
      )}
    </Shown>
  );
}

/** The columns that orders and steps have alike. */
function commonColumns(
  t: ReturnType<typeof useTranslation>['t'],
): Record<'order' | 'workflow' | 'duration', Column<Pick<Step & Run, 'orderId' | 'workflow' | 'start' | 'end'>>> {
  return {
    order: {
      id: 'order',
      title: t('order.id'),
      width: 'minmax(120px, 2fr)',
      cell: (r) => (
        <Link to="/orders/$id" params={{ id: r.orderId ?? '' }}>
          <Name of={r.orderId ?? ''} most={36} />
        </Link>
      ),
    },
    workflow: {
      id: 'workflow',
      title: t('order.workflow'),
      width: 'minmax(0, 3fr)',
      second: true,
      cell: (r) => (
        <Link to={workflowHref(r.workflow ?? '')}>
          <Name of={r.workflow ?? ''} most={30} />
        </Link>
      ),
    },
    duration: {
      id: 'duration',
      title: t('timeline.duration'),
      width: '96px',
      number: true,
      second: true,
      cell: (r) => (r.end && r.start ? formatDuration(r.end - r.start) : <span className="faint">–</span>),
    },
  };
}

function Runs({ filter }: { filter: HistoryFilter }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const query = useRows<Run>('runs', filter, (cursor) =>
    take(
      api.GET('/history/runs', {
        params: { query: { ...filter, limit: pageSize, ...(cursor ? { cursor } : { count: true }) } },
      }),
    ),
  );
  const common = commonColumns(t);
  const columns: Column<Run>[] = [
    common.order,
    {
      id: 'result',
      title: t('timeline.outcome'),
      width: 'minmax(110px, 1fr)',
      cell: (r) =>
        r.result === 'open' && !r.start ? (
          <OrderBadge status="Scheduled" />
        ) : (
          <OutcomeBadge status={resultName(r.result ?? '')} />
        ),
    },
    common.workflow,
    {
      id: 'start',
      title: t('history.start'),
      width: '152px',
      second: true,
      cell: (r) => <Time at={r.start || r.added || 0} />,
    },
    common.duration,
    {
      id: 'account',
      title: t('history.account'),
      width: 'minmax(0, 1fr)',
      wide: true,
      cell: (r) => (r.account ? <Name of={r.account} most={20} /> : <span className="faint">–</span>),
    },
    {
      id: 'message',
      title: t('history.message'),
      width: 'minmax(0, 2fr)',
      wide: true,
      cell: (r) => (r.message ? <Text>{r.message}</Text> : <span className="faint">–</span>),
    },
  ];
  return (
    <Rows
      query={query}
      label={t('history.ofOrders')}
      columns={columns}
      keyOf={(r) => `${r.controller} ${r.event}`}
      onOpen={(r) => void navigate({ to: '/orders/$id', params: { id: r.orderId ?? '' } })}
    />
  );
}

function Steps({ filter }: { filter: HistoryFilter }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const query = useRows<Step>('steps', filter, (cursor) =>
    take(
      api.GET('/history/steps', {
        params: { query: { ...filter, limit: pageSize, ...(cursor ? { cursor } : { count: true }) } },
      }),
    ),
  );
  const common = commonColumns(t);
  const columns: Column<Step>[] = [
    common.order,
    {
      id: 'step',
      title: t('order.step'),
      width: 'minmax(0, 1fr)',
      second: true,
      cell: (r) => <Name of={r.label || r.job || ''} most={24} />,
    },
    {
      id: 'result',
      title: t('timeline.outcome'),
      width: 'minmax(120px, 1fr)',
      cell: (r) => (
        <OutcomeBadge
          status={resultName(r.result ?? '')}
          detail={r.returnCode ? t('order.returnCode', { code: r.returnCode }) : undefined}
        />
      ),
    },
    {
      id: 'message',
      title: t('history.message'),
      width: 'minmax(0, 3fr)',
      wide: true,
      cell: (r) => (r.message ? <Text>{r.message}</Text> : <span className="faint">–</span>),
    },
    common.workflow,
    {
      id: 'start',
      title: t('history.start'),
      width: '152px',
      second: true,
      cell: (r) => <Time at={r.start ?? 0} />,
    },
    common.duration,
    {
      id: 'agent',
      title: t('order.agent'),
      width: 'minmax(0, 1fr)',
      wide: true,
      cell: (r) => <Name of={r.agent ?? ''} most={20} />,
    },
    { id: 'try', title: t('history.try'), width: '48px', number: true, wide: true, cell: (r) => r.try },
  ];
  return (
    <Rows
      query={query}
      label={t('history.ofSteps')}
      columns={columns}
      keyOf={(r) => `${r.controller} ${r.event}`}
      onOpen={(r) =>
        void navigate({
          to: '/orders/$id',
          params: { id: r.orderId ?? '' },
          search: { tab: 'log', step: r.task ?? '' },
        })
      }
    />
  );
}
