import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useParams, useSearch } from '@tanstack/react-router';
import { useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import { api, take } from '../../api/client';
import { readTree, type Tree } from '../../graph/tree';
import { standing } from '../../graph/places';
import { changed } from '../../search';
import { Name, Text } from '../../view/Name';
import { ProblemBox, Skeleton, View } from '../../view/View';
import { WorkflowActions } from './WorkflowActions';
import { Definition } from './Definition';
import { Evidence } from './Evidence';
import { GraphTab } from './GraphTab';
import { Notes } from './Notes';
import { OrdersTab } from './OrdersTab';
import { RunsTab } from './RunsTab';
import './workflow.css';

const tabs = ['graph', 'orders', 'runs', 'definition'] as const;

/** One workflow: what it does, where its orders stand, and who signed it. */
export default function WorkflowPage() {
  const { t, i18n } = useTranslation();
  const { _splat: path = '' } = useParams({ from: '/frame/workflows/$' });
  const { version, tab = 'graph' } = useSearch({ from: '/frame/workflows/$' });
  const navigate = useNavigate({ from: '/workflows/$' });
  const query = useQuery({
    queryKey: ['workflow', path, 'document', version],
    queryFn: () => take(api.GET('/workflow', { params: { query: { path, ...(version && { versionId: version }) } } })),
  });
  const places = useQuery({
    queryKey: ['workflow', path, 'places'],
    queryFn: () => take(api.GET('/overview/places', { params: { query: { workflow: path } } })),
  });
  // The versions are in no order: the newest is the one that comes without being named.
  const newest = useQuery({
    queryKey: ['workflow', path, 'document', undefined],
    queryFn: () => take(api.GET('/workflow', { params: { query: { path } } })),
  });
  const workflow = query.data;
  const document = workflow?.document;
  const read = useMemo(() => (document === undefined ? undefined : treeOrProblem(document)), [document]);
  const tree = read instanceof Error ? undefined : read;
  const versionId = workflow?.versionId;
  const stand = useMemo(
    () => (tree && versionId ? standing(places.data?.places ?? [], tree, versionId) : undefined),
    [places.data, tree, versionId],
  );
  const parts = path.split('/');
  const name = parts.at(-1) ?? path;
  const open = useQuery({
    queryKey: ['workflow', path, 'orders', 'count'],
    queryFn: () => take(api.GET('/overview/orders', { params: { query: { workflow: path, limit: 1 } } })),
  });
  const orders = open.data?.total ?? 0;
  return (
    <View
      name="workflow"
      title={<Name of={name} most={64} />}
      tab={name}
      ready={!query.isPending && !places.isPending}
      fill
      badges={workflow && <Evidence workflow={workflow} />}
      actions={workflow && <WorkflowActions workflow={workflow} />}
    >
      <nav aria-label={t('workflow.folders')} className="crumbs">
        <Link to="/workflows">{t('nav.workflows')}</Link>
        {parts.slice(0, -1).map((part, i) => (
          <span key={i}>
            {' / '}
            <Link to="/workflows" search={{ folder: parts.slice(0, i + 1).join('/') }}>
              <Name of={part} most={24} />
            </Link>
          </span>
        ))}
      </nav>
      {query.isError && !workflow && <ProblemBox problem={query.error} onAgain={() => void query.refetch()} />}
      {query.isPending && <Skeleton rows={8} />}
      {workflow && (
        <>
          <Notes workflow={workflow} newest={newest.data?.versionId} others={stand?.others} />
          <div className="tabs" role="tablist" aria-label={t('workflow.views')}>
            {tabs.map((x) => (
              <button
                key={x}
                type="button"
                role="tab"
                id={`tab-${x}`}
                aria-selected={tab === x}
                aria-controls="tab-panel"
                tabIndex={tab === x ? 0 : -1}
                onClick={() => void navigate({ search: (s) => changed(s, { tab: x === 'graph' ? undefined : x }) })}
                onKeyDown={(e) => {
                  const by = { ArrowRight: 1, ArrowLeft: -1 }[e.key];
                  if (!by) return;
                  const next = tabs[(tabs.indexOf(x) + by + tabs.length) % tabs.length] ?? 'graph';
                  globalThis.document.getElementById(`tab-${next}`)?.focus();
                }}
              >
                {t(`workflow.tab.${x}`)}
                {x === 'orders' && orders > 0 && <span className="faint"> {orders.toLocaleString(i18n.language)}</span>}
              </button>
            ))}
          </div>
          <div className="tab-panel" role="tabpanel" id="tab-panel" aria-labelledby={`tab-${tab}`}>
            {tab === 'graph' && read instanceof Error && (
              <p role="alert" className="problem-line">
                <Text>{t('workflow.unreadable', { why: read.message })}</Text>
              </p>
            )}
            {tab === 'graph' && tree && stand && !places.isPending && (
              <GraphTab key={`${path} ${workflow.versionId}`} workflow={workflow} tree={tree} stand={stand} />
            )}
            {tab === 'orders' && <OrdersTab path={path} />}
            {tab === 'runs' && <RunsTab path={path} />}
            {tab === 'definition' && <Definition text={workflow.document} />}
          </div>
        </>
      )}
    </View>
  );
}

function treeOrProblem(document: string): Tree | Error {
  try {
    return readTree(document);
  } catch (cause) {
    return cause instanceof Error ? cause : new Error(String(cause));
  }
}
