import { Button, TextInput } from '@mantine/core';
import { keepPreviousData, useInfiniteQuery } from '@tanstack/react-query';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import { api, take, type Schemas } from '../../api/client';
import { Counted } from '../../graph/Chips';
import { total } from '../../graph/places';
import { changed } from '../../search';
import { ObjectBadge } from '../../state/Badge';
import { Icon } from '../../state/Icon';
import { Table, type Column } from '../../table/Table';
import { Name } from '../../view/Name';
import { Empty, Shown, View } from '../../view/View';
import { workflowHref } from '../../view/href';
import { FolderTree } from './FolderTree';
import './workflows.css';

type Row = Schemas['WorkflowRow'];

const pageSize = 200;

/** What one choice of the filter stands for. */
const states: Record<string, string> = {
  failed: 'Failed,FailedWhileFresh,FailedInFork,Broken',
  suspended: 'Suspended,Stopped,StoppedWhileFresh',
  running: 'Processing,Processed,Forked,Ready',
  waiting: 'DelayingRetry,Sleeping,NotStarted,Scheduled',
};

/** All workflows in force, by folder: how their orders are, and who signed them. */
export default function WorkflowsPage() {
  const { t, i18n } = useTranslation();
  const search = useSearch({ from: '/frame/workflows/' });
  const navigate = useNavigate({ from: '/workflows' });
  const { folder, q, state } = search;
  const status = state && Object.hasOwn(states, state) ? states[state] : undefined;
  const filtered = Boolean(q ?? status);
  const query = useInfiniteQuery({
    queryKey: ['orders', 'workflows', folder, q, status],
    initialPageParam: '',
    queryFn: ({ pageParam }) =>
      take(
        api.GET('/overview/workflows', {
          params: {
            query: {
              limit: pageSize,
              deep: true,
              ...(folder && { folder }),
              ...(q && { q }),
              ...(status && { status }),
              ...(pageParam && { cursor: pageParam }),
            },
          },
        }),
      ),
    getNextPageParam: (last) => last.cursor,
    placeholderData: keepPreviousData,
  });
  const rows = useMemo(() => query.data?.pages.flatMap((p) => p.workflows) ?? [], [query.data]);
  const all = query.data?.pages[0]?.total ?? 0;
  const set = (change: Parameters<typeof changed<typeof search>>[1], push = false) =>
    void navigate({ search: changed(search, change), replace: !push });
  const columns: Column<Row>[] = [
    {
      id: 'name',
      title: t('workflows.name'),
      width: 'minmax(140px, 3fr)',
      cell: (w) => (
        <Link to={workflowHref(w.path)}>
          <Name of={folder ? w.path.slice(folder.length + 1) : w.path} most={56} />
        </Link>
      ),
    },
    {
      id: 'state',
      title: t('order.state'),
      width: '120px',
      cell: (w) =>
        w.quarantine ? (
          <ObjectBadge status="untrusted" />
        ) : w.suspended ? (
          <span className="badge attn filled" data-status="Suspended">
            <Icon name="pause" size={14} />
            <span>{t('status.Suspended')}</span>
          </span>
        ) : null,
    },
    {
      id: 'orders',
      title: t('workflows.orders'),
      width: 'minmax(120px, 2fr)',
      cell: (w) =>
        total(w.counts) > 0 ? (
          <span className="workflow-counts">
            <Counted counts={w.counts} />
          </span>
        ) : (
          <span className="faint">{t('workflows.noOrders')}</span>
        ),
    },
    {
      id: 'version',
      title: t('workflow.version'),
      width: 'minmax(100px, 1fr)',
      second: true,
      cell: (w) => <Name of={w.versionId} most={26} />,
    },
    {
      id: 'signer',
      title: t('workflows.signer'),
      width: 'minmax(100px, 2fr)',
      wide: true,
      cell: (w) => <Name of={w.signer ?? ''} most={36} />,
    },
  ];
  return (
    <View
      name="workflows"
      title={
        <>
          {t('nav.workflows')} <span className="faint">{all.toLocaleString(i18n.language)}</span>
        </>
      }
      tab={t('nav.workflows')}
      ready={query.isSuccess}
      fill
    >
      <div className="row">
        <TextInput
          type="search"
          aria-label={t('workflows.search')}
          placeholder={t('workflows.search')}
          defaultValue={q ?? ''}
          key={q === undefined ? 'none' : 'some'}
          className="workflows-search"
          onChange={(e) => set({ q: e.currentTarget.value || undefined })}
        />
        <label className="row">
          {t('order.state')}
          <select
            className="plain-select"
            value={status ? state : ''}
            onChange={(e) => set({ state: e.currentTarget.value || undefined })}
          >
            <option value="">{t('workflows.any')}</option>
            {Object.keys(states).map((s) => (
              <option key={s} value={s}>
                {t(`workflows.state.${s}`)}
              </option>
            ))}
          </select>
        </label>
      </div>
      <div className="workflows">
        <FolderTree chosen={folder} onChoose={(f) => set({ folder: f }, true)} />
        <Shown query={query}>
          {() =>
            rows.length === 0 ? (
              <Empty
                title={t(filtered ? 'workflows.noMatch' : folder ? 'workflows.emptyFolder' : 'workflows.none')}
                action={
                  filtered && (
                    <Button variant="default" onClick={() => set({ q: undefined, state: undefined })}>
                      {t('view.clear')}
                    </Button>
                  )
                }
              >
                {!filtered && t('workflows.noneText')}
              </Empty>
            ) : (
              <Table
                label={t('nav.workflows')}
                rows={rows}
                total={all}
                columns={columns}
                keyOf={(w) => w.path}
                onOpen={(w) => void navigate({ to: workflowHref(w.path) })}
                onEnd={() => {
                  if (query.hasNextPage && !query.isFetchingNextPage) void query.fetchNextPage();
                }}
              />
            )
          }
        </Shown>
      </div>
    </View>
  );
}
