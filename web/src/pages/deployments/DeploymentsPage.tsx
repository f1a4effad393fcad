import { keepPreviousData, useInfiniteQuery } from '@tanstack/react-query';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { useCallback, useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, take, type Schemas } from '../../api/client';
import * as addresses from '../../search';
import { FilterBar, type Filter } from '../../table/FilterBar';
import { useMore } from '../../table/more';
import { Table, type Column } from '../../table/Table';
import { readMoment } from '../../time/range';
import { Time } from '../../time/Time';
import { Name, Text } from '../../view/Name';
import { Empty, Shown, View } from '../../view/View';
import { Counts, Signers } from './parts';
import { useWaiting, Waiting } from './Waiting';
import './deployments.css';

type Search = ReturnType<typeof addresses.deployments>;
type Row = Schemas['Deployment'];

const pageSize = 100;
const ranges = ['-24h', '-7d', '-30d'] as const;

/** Who deployed what, when, why, and by whose signatures; or what was refused. */
export default function DeploymentsPage() {
  const { show } = useSearch({ from: '/frame/deployments' });
  return show === 'refused' ? <Refusals /> : show === 'waiting' ? <WaitingPage /> : <History />;
}

/** What else than deployments is shown. */
function useShow(): Filter {
  const { t } = useTranslation();
  return {
    name: 'show',
    label: t('deployments.show'),
    options: [
      { value: 'waiting', label: t('release.waiting') },
      { value: 'refused', label: t('deployments.refused') },
    ],
  };
}

function WaitingPage() {
  const { t } = useTranslation();
  const { show } = useSearch({ from: '/frame/deployments' });
  const navigate = useNavigate({ from: '/deployments' });
  const onFilter = useFilter();
  const { isPending } = useWaiting();
  return (
    <View name="deployments" title={t('nav.deployments')} tab={t('nav.deployments')} ready={!isPending} fill>
      <FilterBar
        label={t('history.filters')}
        filters={[useShow()]}
        values={{ show }}
        onChange={onFilter}
        onClear={() => void navigate({ search: {} })}
      />
      <Waiting />
    </View>
  );
}

function useFilter() {
  const navigate = useNavigate({ from: '/deployments' });
  return useCallback(
    (name: string, value: string | undefined) =>
      void navigate({ search: (s) => addresses.changed<Search>(s, { [name]: value }), replace: true }),
    [navigate],
  );
}

function History() {
  const { t } = useTranslation();
  const search = useSearch({ from: '/frame/deployments' });
  const navigate = useNavigate({ from: '/deployments' });
  const onFilter = useFilter();
  const show = useShow();
  const waiting = useWaiting().data?.releases.length ?? 0;
  const [opened] = useState(() => Date.now());
  const filter = useMemo(() => {
    const from = readMoment(search.from, opened);
    const to = readMoment(search.to, opened);
    return {
      ...(from === undefined ? {} : { from }),
      ...(to === undefined ? {} : { to }),
      ...(search.account ? { account: search.account } : {}),
      ...(search.path ? { path: search.path } : {}),
      ...(search.folder ? { folder: search.folder } : {}),
      ...(search.signer ? { signer: search.signer } : {}),
      ...(search.release ? { release: search.release } : {}),
    };
  }, [search, opened]);
  const query = useInfiniteQuery({
    queryKey: ['items', 'deployments', filter],
    queryFn: ({ pageParam }) =>
      take(
        api.GET('/deployments', {
          params: { query: { ...filter, limit: pageSize, ...(pageParam ? { cursor: pageParam } : {}) } },
        }),
      ),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last, all) => (all.length < 50 ? last.cursor : undefined),
    placeholderData: keepPreviousData,
  });
  const onEnd = useMore(query);
  const rows = query.data?.pages.flatMap((p) => p.deployments) ?? [];
  const filters: Filter[] = [
    show,
    {
      name: 'from',
      label: t('history.from'),
      options: ranges.map((r) => ({ value: r, label: t(`history.range.${r}`) })),
    },
    { name: 'account', label: t('history.account') },
    { name: 'signer', label: t('deployments.signer') },
    { name: 'release', label: t('deployments.release') },
    { name: 'folder', label: t('deployments.folder') },
    { name: 'path', label: t('deployments.path'), wide: true },
  ];
  const set = Object.values(search).some((v) => v !== undefined);
  return (
    <View
      name="deployments"
      title={t('nav.deployments')}
      tab={t('nav.deployments')}
      ready={query.isSuccess || query.isError}
      fill
    >
      <FilterBar
        label={t('history.filters')}
        filters={filters}
        values={search}
        onChange={onFilter}
        onClear={set ? () => void navigate({ search: {} }) : undefined}
      />
      {waiting > 0 && (
        <p className="note">
          <Link to="/deployments" search={{ show: 'waiting' }}>
            {t('release.wait', { count: waiting })}
          </Link>
        </p>
      )}
      <Shown query={query}>
        {() =>
          rows.length === 0 ? (
            <Empty title={t(set ? 'deployments.noMatch' : 'deployments.none')}>{t('deployments.noneText')}</Empty>
          ) : (
            <Table
              label={t('nav.deployments')}
              rows={rows}
              columns={columns(t)}
              keyOf={(d) => String(d.id)}
              onOpen={(d) => void navigate({ to: '/deployments/$id', params: { id: String(d.id) } })}
              onEnd={onEnd}
            />
          )
        }
      </Shown>
    </View>
  );
}

function columns(t: ReturnType<typeof useTranslation>['t']): Column<Row>[] {
  return [
    {
      id: 'id',
      title: t('deployments.number'),
      width: '72px',
      cell: (d) => (
        <Link to="/deployments/$id" params={{ id: String(d.id) }}>
          {d.id}
        </Link>
      ),
    },
    { id: 'time', title: t('audit.time'), width: '152px', second: true, cell: (d) => <Time at={d.time} /> },
    {
      id: 'account',
      title: t('history.account'),
      width: 'minmax(80px, 1fr)',
      second: true,
      cell: (d) => (d.account ? <Name of={d.account} most={24} /> : <span className="faint">–</span>),
    },
    {
      id: 'signers',
      title: t('deployments.signers'),
      width: 'minmax(120px, 2fr)',
      wide: true,
      cell: (d) => <Signers of={d.signers} />,
    },
    {
      id: 'release',
      title: t('deployments.release'),
      width: 'minmax(80px, 1fr)',
      wide: true,
      cell: (d) =>
        d.release ? (
          <Name of={d.release.name || String(d.release.serial)} most={24} />
        ) : (
          <span className="faint">–</span>
        ),
    },
    { id: 'objects', title: t('deployments.objects'), width: 'minmax(120px, 1.5fr)', cell: (d) => <Counts of={d} /> },
    {
      id: 'reason',
      title: t('dialog.reason'),
      width: 'minmax(0, 2fr)',
      wide: true,
      cell: (d) => (d.reason ? <Text>{d.reason}</Text> : <span className="faint">–</span>),
    },
  ];
}

/** What was tried and changed nothing. */
function Refusals() {
  const { t } = useTranslation();
  const search = useSearch({ from: '/frame/deployments' });
  const navigate = useNavigate({ from: '/deployments' });
  const onFilter = useFilter();
  const query = useInfiniteQuery({
    queryKey: ['audit', 'refused deployments'],
    queryFn: ({ pageParam }) =>
      take(
        api.GET('/deployments/refused', {
          params: { query: { limit: pageSize, ...(pageParam ? { cursor: pageParam } : {}) } },
        }),
      ),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last, all) => (all.length < 50 ? last.cursor : undefined),
  });
  const onEnd = useMore(query);
  const rows = query.data?.pages.flatMap((p) => p.deployments) ?? [];
  return (
    <View
      name="deployments"
      title={t('nav.deployments')}
      tab={t('nav.deployments')}
      ready={query.isSuccess || query.isError}
      fill
    >
      <FilterBar
        label={t('history.filters')}
        filters={[useShow()]}
        values={{ show: search.show }}
        onChange={onFilter}
        onClear={() => void navigate({ search: {} })}
      />
      <Shown query={query}>
        {() =>
          rows.length === 0 ? (
            <Empty title={t('deployments.noneRefused')}>{t('deployments.noneRefusedText')}</Empty>
          ) : (
            <Table
              label={t('deployments.refused')}
              rows={rows}
              columns={refusedColumns(t)}
              keyOf={(d) => String(d.id)}
              onEnd={onEnd}
            />
          )
        }
      </Shown>
    </View>
  );
}

function refusedColumns(t: ReturnType<typeof useTranslation>['t']): Column<Schemas['RefusedDeployment']>[] {
  return [
    { id: 'time', title: t('audit.time'), width: '152px', second: true, cell: (d) => <Time at={d.time} /> },
    {
      id: 'account',
      title: t('history.account'),
      width: 'minmax(80px, 1fr)',
      second: true,
      cell: (d) => <Name of={d.account} most={24} />,
    },
    {
      id: 'objects',
      title: t('deployments.objects'),
      width: 'minmax(120px, 3fr)',
      cell: (d) => (
        <>
          <Name of={d.objects[0] ?? ''} />
          {d.objects.length > 1 && <span className="faint"> +{d.objects.length - 1}</span>}
        </>
      ),
    },
    {
      id: 'code',
      title: t('deployments.why'),
      width: 'minmax(120px, 1.5fr)',
      cell: (d) => <span className="deployments-code">{d.code}</span>,
    },
    {
      id: 'reason',
      title: t('dialog.reason'),
      width: 'minmax(0, 2fr)',
      wide: true,
      cell: (d) => (d.reason ? <Text>{d.reason}</Text> : <span className="faint">–</span>),
    },
  ];
}
