import { keepPreviousData, useInfiniteQuery } from '@tanstack/react-query';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { useCallback, useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useMore } from '../../table/more';
import { api, take, type Schemas } from '../../api/client';
import * as addresses from '../../search';
import { FilterBar, type Filter } from '../../table/FilterBar';
import { Table, type Column } from '../../table/Table';
import { readMoment } from '../../time/range';
import { Time } from '../../time/Time';
import { workflowHref } from '../../view/href';
import { Name, Text } from '../../view/Name';
import { Empty, Shown, View } from '../../view/View';
import './audit.css';

type Entry = Schemas['AuditEntry'];
type Search = ReturnType<typeof addresses.audit>;

const pageSize = 200;
const ranges = ['-1h', '-6h', '-24h', '-7d', '-30d'] as const;
const actions = [
  'login',
  'logout',
  'addOrders',
  'cancelOrders',
  'suspendOrders',
  'resumeOrders',
  'deleteOrders',
  'controlWorkflow',
  'changeBreakpoints',
  'transferOrders',
  'deploy',
  'revokeDeployment',
  'addAgent',
  'resetAgent',
  'addAccount',
  'changeAccount',
  'deleteAccount',
  'makeBackup',
  'makeToken',
  'makeBundle',
  'issueCertificate',
  'renewCertificate',
  'revokeCertificate',
  'revokeCertificates',
  'publishRevocations',
  'requestIssuer',
  'adoptIssuer',
] as const;

/** Who did what, when, why, to which object, and what came of it. */
export default function AuditPage() {
  const { t } = useTranslation();
  const search = useSearch({ from: '/frame/audit' });
  const navigate = useNavigate({ from: '/audit' });
  const onFilter = useCallback(
    (name: string, value: string | undefined) =>
      void navigate({ search: (s) => addresses.changed<Search>(s, { [name]: value }), replace: true }),
    [navigate],
  );
  const [opened] = useState(() => Date.now());
  const filter = useMemo(() => {
    const from = readMoment(search.from, opened);
    const to = readMoment(search.to, opened);
    return {
      ...(from === undefined ? {} : { from }),
      ...(to === undefined ? {} : { to }),
      ...(search.account ? { account: search.account } : {}),
      ...(search.action ? { action: search.action } : {}),
      ...(search.object ? { object: search.object } : {}),
      ...(search.q ? { text: search.q } : {}),
    };
  }, [search, opened]);
  const query = useInfiniteQuery({
    queryKey: ['audit', filter],
    queryFn: ({ pageParam }) =>
      take(
        api.GET('/audit', {
          params: { query: { ...filter, limit: pageSize, ...(pageParam ? { cursor: pageParam } : {}) } },
        }),
      ),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last, all) => (all.length < 25 ? last.cursor : undefined),
    placeholderData: keepPreviousData,
    refetchInterval: 10_000,
  });
  const onEnd = useMore(query);
  const rows = query.data?.pages.flatMap((p) => p.entries) ?? [];
  const filters: Filter[] = [
    {
      name: 'from',
      label: t('history.from'),
      options: ranges.map((r) => ({ value: r, label: t(`history.range.${r}`) })),
    },
    {
      name: 'action',
      label: t('audit.action'),
      options: actions.map((a) => ({ value: a, label: t(`audit.did.${a}`) })),
    },
    { name: 'account', label: t('history.account') },
    { name: 'object', label: t('audit.object') },
    { name: 'q', label: t('history.text'), wide: true },
  ];
  const exported = new URLSearchParams(Object.entries(filter).map(([k, v]) => [k, String(v)]));
  return (
    <View name="audit" title={t('nav.audit')} tab={t('nav.audit')} ready={query.isSuccess || query.isError} fill>
      <FilterBar
        label={t('history.filters')}
        filters={filters}
        values={search}
        onChange={onFilter}
        onClear={Object.values(search).some((v) => v !== undefined) ? () => void navigate({ search: {} }) : undefined}
      >
        <span className="filters-end">
          {(['csv', 'json'] as const).map((format) => (
            <a key={format} className="button" href={`/api/v1/audit/export?format=${format}&${exported}`} download>
              {t('history.export', { format: format.toUpperCase() })}
            </a>
          ))}
        </span>
      </FilterBar>
      <Shown query={query}>
        {() =>
          rows.length === 0 ? (
            <Empty title={t('audit.none')}>{t('history.noneText')}</Empty>
          ) : (
            <Table label={t('nav.audit')} rows={rows} columns={columns(t)} keyOf={(e) => String(e.id)} onEnd={onEnd} />
          )
        }
      </Shown>
    </View>
  );
}

function columns(t: ReturnType<typeof useTranslation>['t']): Column<Entry>[] {
  return [
    { id: 'time', title: t('audit.time'), width: '152px', second: true, cell: (e) => <Time at={e.time} /> },
    {
      id: 'account',
      title: t('history.account'),
      width: 'minmax(80px, 1fr)',
      second: true,
      cell: (e) => (e.account ? <Name of={e.account} most={24} /> : <span className="faint">–</span>),
    },
    {
      id: 'action',
      title: t('audit.did.title'),
      width: 'minmax(120px, 1.5fr)',
      cell: (e) => t(`audit.did.${e.action}`, e.action),
    },
    {
      id: 'object',
      title: t('audit.object'),
      width: 'minmax(0, 3fr)',
      second: true,
      cell: (e) => <Objects of={e.objects} />,
    },
    {
      id: 'result',
      title: t('audit.result'),
      width: 'minmax(0, 1fr)',
      cell: (e) => <Result of={e.result} />,
    },
    {
      id: 'reason',
      title: t('audit.reason'),
      width: 'minmax(0, 2fr)',
      wide: true,
      cell: (e) => (e.reason ? <Text>{e.reason}</Text> : <span className="faint">–</span>),
    },
    {
      id: 'address',
      title: t('audit.address'),
      width: 'minmax(0, 1fr)',
      wide: true,
      cell: (e) => <span className="second">{e.address}</span>,
    },
  ];
}

/** What it was done to; orders and workflows are links. */
function Objects({ of }: { of: readonly string[] }) {
  const [first, ...others] = of;
  if (first === undefined) return <span className="faint">–</span>;
  return (
    <>
      <ObjectLink of={first} />
      {others.length > 0 && <span className="faint"> +{others.length}</span>}
    </>
  );
}

function ObjectLink({ of }: { of: string }) {
  const at = of.indexOf(':');
  const kind = of.slice(0, at);
  const name = of.slice(at + 1);
  if (kind === 'Order') {
    return (
      <Link to="/orders/$id" params={{ id: name }}>
        <Name of={name} />
      </Link>
    );
  }
  if (kind === 'Workflow') {
    return (
      <Link to={workflowHref(name)}>
        <Name of={name} />
      </Link>
    );
  }
  return <Name of={of} />;
}

function Result({ of }: { of: string }) {
  const { t } = useTranslation();
  if (of === 'done') return <span className="second">{t('audit.done')}</span>;
  if (of === 'begun') return <span className="second">{t('audit.begun')}</span>;
  return (
    <span className="audit-refused">
      {t('audit.refused')} <span className="mono">{of}</span>
    </span>
  );
}
