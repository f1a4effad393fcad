import { keepPreviousData, useInfiniteQuery } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import { api, take, type Schemas } from '../../api/client';
import { OrderBadge } from '../../state/Badge';
import { Table, type Column } from '../../table/Table';
import { Age } from '../../time/Time';
import { Name, Text } from '../../view/Name';
import { Empty, Shown } from '../../view/View';
import { Link } from '@tanstack/react-router';

type Row = Schemas['OrderRow'];

const pageSize = 200;

/** All open orders of the workflow, of every version. */
export function OrdersTab({ path }: { path: string }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const query = useInfiniteQuery({
    queryKey: ['workflow', path, 'orders', 'all'],
    initialPageParam: 0,
    queryFn: ({ pageParam }) =>
      take(api.GET('/overview/orders', { params: { query: { workflow: path, limit: pageSize, offset: pageParam } } })),
    getNextPageParam: (last, pages) => {
      const seen = pages.reduce((n, p) => n + p.orders.length, 0);
      return last.orders.length > 0 && seen < last.total ? seen : undefined;
    },
    placeholderData: keepPreviousData,
  });
  const rows = useMemo(() => query.data?.pages.flatMap((p) => p.orders) ?? [], [query.data]);
  const columns: Column<Row>[] = [
    {
      id: 'id',
      title: t('order.id'),
      width: 'minmax(120px, 2fr)',
      cell: (o) => (
        <Link to="/orders/$id" params={{ id: o.id }}>
          <Name of={o.id} most={40} />
        </Link>
      ),
    },
    {
      id: 'state',
      title: t('order.state'),
      width: 'minmax(140px, 1fr)',
      cell: (o) => (
        <OrderBadge
          status={o.status}
          detail={o.returnCode === undefined ? undefined : t('order.returnCode', { code: o.returnCode })}
        />
      ),
    },
    {
      id: 'step',
      title: t('order.step'),
      width: 'minmax(80px, 1fr)',
      second: true,
      cell: (o) => <Name of={o.label ?? ''} most={28} />,
    },
    {
      id: 'version',
      title: t('workflow.version'),
      width: 'minmax(80px, 1fr)',
      wide: true,
      cell: (o) => <Name of={o.workflow.versionId} most={24} />,
    },
    {
      id: 'since',
      title: t('order.since'),
      width: '72px',
      number: true,
      second: true,
      cell: (o) => <Age since={o.since} />,
    },
    {
      id: 'reason',
      title: t('order.reason'),
      width: 'minmax(0, 2fr)',
      second: true,
      cell: (o) => <Text>{o.reason ?? ''}</Text>,
    },
  ];
  return (
    <Shown query={query}>
      {(d) =>
        rows.length === 0 ? (
          <Empty title={t('workflow.noOrders')}>{t('workflow.noOrdersText')}</Empty>
        ) : (
          <Table
            label={t('nav.orders')}
            rows={rows}
            total={d.pages[0]?.total ?? rows.length}
            columns={columns}
            keyOf={(o) => o.id}
            onOpen={(o) => void navigate({ to: '/orders/$id', params: { id: o.id } })}
            onEnd={() => {
              if (query.hasNextPage && !query.isFetchingNextPage) void query.fetchNextPage();
            }}
          />
        )
      }
    </Shown>
  );
}
