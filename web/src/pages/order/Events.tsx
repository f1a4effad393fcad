import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { IconX } from '@tabler/icons-react';
import { FilterBar } from '../../table/FilterBar';
import { Table, type Column } from '../../table/Table';
import { formatMoment } from '../../time/format';
import { useZone } from '../../time/Time';
import { Name, Text } from '../../view/Name';
import { Empty, Shown } from '../../view/View';
import { detailOf, matching, mostEvents, rawOf, readEvents, type OrderEvent, type Told } from './events';

interface Props {
  id: string;
  find: string | undefined;
  nameOf: (position: unknown[]) => string;
  onFind: (find: string | undefined) => void;
}

/** All that has happened to an order and its children, in its order. */
export function Events({ id, find, nameOf, onFind }: Props) {
  const queries = useQueryClient();
  const key = ['order', id, 'events'];
  const query = useQuery({ queryKey: key, queryFn: () => readEvents(id, queries, key) });
  return (
    <Shown query={query}>
      {(told) => (
        <List
          id={id}
          told={told}
          find={find}
          nameOf={nameOf}
          onFind={onFind}
          onMore={() => void query.refetch()}
          busy={query.isFetching}
        />
      )}
    </Shown>
  );
}

interface ListProps extends Props {
  told: Told;
  busy: boolean;
  onMore: () => void;
}

function List({ id, told, find, nameOf, onFind, onMore, busy }: ListProps) {
  const { t } = useTranslation();
  const zone = useZone();
  const [open, setOpen] = useState<OrderEvent>();
  const columns = useMemo(() => columnsOf(id, told, nameOf, zone, t), [id, told, nameOf, zone, t]);
  const rows = matching(told.events, find ?? '', (e) => `${wordOf(e, t)} ${detailIn(e, zone, t)}`);
  return (
    <div className="order-events">
      <FilterBar
        label={t('orderEvent.filters')}
        filters={[{ name: 'find', label: t('orderEvent.find'), wide: true }]}
        values={{ find }}
        onChange={(_, value) => onFind(value)}
        onClear={find ? () => onFind(undefined) : undefined}
      >
        <span className="caption" role="status">
          {t('orderEvent.count', { count: rows.length, shown: rows.length.toLocaleString() })}
        </span>
      </FilterBar>
      {told.torn && <p className="caption">{t('orderEvent.torn')}</p>}
      {rows.length === 0 ? (
        <Empty title={t(find ? 'orderEvent.noMatch' : 'orderEvent.none')}>{!find && t('orderEvent.noneText')}</Empty>
      ) : (
        <Table
          label={t('orderPage.events')}
          rows={rows}
          columns={columns}
          keyOf={(e) => String(e.id)}
          onOpen={(e) => setOpen(open?.id === e.id ? undefined : e)}
        />
      )}
      {told.more && (
        <p className="caption">
          {told.events.length >= mostEvents ? (
            t('orderEvent.most', { count: mostEvents, shown: mostEvents.toLocaleString() })
          ) : (
            <button type="button" className="link" disabled={busy} onClick={onMore}>
              {t('orderEvent.further')}
            </button>
          )}
        </p>
      )}
      {open && (
        <section className="card event-json" aria-label={t('orderEvent.json', { event: open.type })}>
          <h2 className="spread">
            <Text>{open.type}</Text>
            <button type="button" className="close" aria-label={t('step.close')} onClick={() => setOpen(undefined)}>
              <IconX size={16} aria-hidden />
            </button>
          </h2>
          <pre className="mono" tabIndex={0}>
            <Text lines>{JSON.stringify(open.event, null, 1)}</Text>
          </pre>
        </section>
      )}
    </div>
  );
}

type T = ReturnType<typeof useTranslation>['t'];

const wordOf = (e: OrderEvent, t: T) => t(`orderEvent.word.${e.type}`, e.type);
const detailIn = (e: OrderEvent, zone: string, t: T) => detailOf(e, t, (ms) => formatMoment(ms, zone));

function columnsOf(
  id: string,
  told: Told,
  nameOf: (position: unknown[]) => string,
  zone: string,
  t: T,
): Column<OrderEvent>[] {
  const children = told.events.some((e) => e.orderId !== id);
  return [
    {
      id: 'event',
      title: t('orderEvent.event'),
      width: 'minmax(150px, 2fr)',
      cell: (e) => (
        <>
          {wordOf(e, t)} <span className="faint event-type">{e.type}</span>
        </>
      ),
    },
    {
      id: 'time',
      title: t('orderEvent.time'),
      width: 'minmax(164px, 1fr)',
      cell: (e) => (
        <time dateTime={new Date(e.time).toISOString()} title={zone}>
          {formatMoment(e.time, zone)}.{String(e.time % 1000).padStart(3, '0')}
        </time>
      ),
    },
    ...(children
      ? [
          {
            id: 'order',
            title: t('orderEvent.order'),
            width: 'minmax(0, 1fr)',
            wide: true,
            cell: (e: OrderEvent) => {
              if (e.orderId === id) return <span className="faint">–</span>;
              return <Name of={e.orderId.slice(id.length + 1)} most={20} />;
            },
          },
        ]
      : []),
    {
      id: 'position',
      title: t('orderEvent.position'),
      width: 'minmax(0, 1.5fr)',
      wide: true,
      cell: (e) =>
        e.position ? (
          <>
            {nameOf(e.position) && <Name of={nameOf(e.position)} most={20} />}{' '}
            <span className="faint mono">{JSON.stringify(e.position)}</span>
          </>
        ) : (
          <span className="faint">–</span>
        ),
    },
    {
      id: 'detail',
      title: t('orderEvent.detail'),
      width: 'minmax(0, 3fr)',
      wide: true,
      cell: (e) => (
        <span title={rawOf(e)}>
          <Text>{detailIn(e, zone, t)}</Text>
        </span>
      ),
    },
  ];
}
