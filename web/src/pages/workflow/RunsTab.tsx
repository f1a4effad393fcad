import { keepPreviousData, useInfiniteQuery } from '@tanstack/react-query';
import { Link, useNavigate } from '@tanstack/react-router';
import { useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import { api, take, type Schemas } from '../../api/client';
import { OutcomeBadge } from '../../state/Badge';
import { Table, type Column } from '../../table/Table';
import { Duration, Time } from '../../time/Time';
import { outcomeOf } from '../../timeline/timeline';
import { Name } from '../../view/Name';
import { Empty, Shown } from '../../view/View';

type Row = Schemas['HistoryRow'];

const pageSize = 200;

/** The runs of the workflow's steps, the newest first. */
export function RunsTab({ path }: { path: string }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const query = useInfiniteQuery({
    queryKey: ['history', 'workflow', path, 'all'],
    initialPageParam: '',
    queryFn: ({ pageParam }) =>
      take(
        api.GET('/history', {
          params: {
            query: { workflow: path, newest: true, limit: pageSize, ...(pageParam && { cursor: pageParam }) },
          },
        }),
      ),
    getNextPageParam: (last) => last.cursor,
    placeholderData: keepPreviousData,
  });
  const rows = useMemo(() => query.data?.pages.flatMap((p) => p.rows) ?? [], [query.data]);
  const columns: Column<Row>[] = [
    {
      id: 'id',
      title: t('order.id'),
      width: 'minmax(120px, 2fr)',
      cell: (r) => (
        <Link to="/orders/$id" params={{ id: r.orderId }} search={{ tab: 'log' }}>
          <Name of={r.orderId} most={40} />
        </Link>
      ),
    },
    {
      id: 'outcome',
      title: t('workflow.outcome'),
      width: 'minmax(140px, 1fr)',
      cell: (r) => (
        <OutcomeBadge
          status={outcomeOf(r)}
          detail={r.returnCode ? t('order.returnCode', { code: r.returnCode }) : undefined}
        />
      ),
    },
    {
      id: 'step',
      title: t('order.step'),
      width: 'minmax(80px, 1fr)',
      second: true,
      cell: (r) => <Name of={r.label || r.job} most={28} />,
    },
    {
      id: 'agent',
      title: t('order.agent'),
      width: 'minmax(80px, 1fr)',
      second: true,
      cell: (r) => <Name of={r.agent} most={20} />,
    },
    { id: 'start', title: t('workflow.begun'), width: '168px', second: true, cell: (r) => <Time at={r.start} /> },
    {
      id: 'took',
      title: t('workflow.took'),
      width: '96px',
      number: true,
      cell: (r) => (r.end ? <Duration ms={r.end - r.start} /> : null),
    },
  ];
  return (
    <Shown query={query}>
      {() =>
        rows.length === 0 ? (
          <Empty title={t('workflow.noRuns')} />
        ) : (
          <Table
            label={t('workflow.tab.runs')}
            rows={rows}
            columns={columns}
            keyOf={(r) => `${r.orderId} ${r.start} ${r.try} ${JSON.stringify(r.position)}`}
            onOpen={(r) => void navigate({ to: '/orders/$id', params: { id: r.orderId }, search: { tab: 'log' } })}
            onEnd={() => {
              if (query.hasNextPage && !query.isFetchingNextPage) void query.fetchNextPage();
            }}
          />
        )
      }
    </Shown>
  );
}
