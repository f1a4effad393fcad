import { Button, Menu } from '@mantine/core';
import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { lazy, Suspense, useState } from 'react';
import { useTranslation } from 'react-i18next';
import '../../theme/menus.css';
import { api, take, type Schemas } from '../../api/client';
import { Act } from '../../dialogs/Act';
import { changed } from '../../search';
import { useMay } from '../../session/session';
import { ObjectBadge } from '../../state/Badge';
import { FilterBar } from '../../table/FilterBar';
import { Time } from '../../time/Time';
import { Name, Text } from '../../view/Name';
import { Empty, Shown, View } from '../../view/View';
import { CreateDialog } from './CreateDialog';
import { FolderTree } from './FolderTree';
import { ObjectView } from './ObjectView';
import { Trash } from './Trash';
import '../agents/agents.css';
import '../workflow/workflow.css';
import './inventory.css';

const ExportDialog = lazy(() => import('./ExportDialog').then((m) => ({ default: m.ExportDialog })));
const ImportDialog = lazy(() => import('./ImportDialog').then((m) => ({ default: m.ImportDialog })));
const DeployDialog = lazy(() => import('../../editor/DeployDialog').then((m) => ({ default: m.DeployDialog })));

const kinds = ['Workflow', 'JobResource', 'AgentRef'];
const states = ['draft', 'invalid', 'changed', 'deployed', 'notDeployed'];
const page = 100;

/** Everything that can be deployed: what is drafted, what is deployed, and what differs. */
export default function InventoryPage() {
  const { kind = 'Workflow', path } = useSearch({ from: '/frame/inventory' });
  if (path !== undefined) return <ObjectView key={`${kind} ${path}`} kind={kind} path={path} />;
  return <Objects />;
}

/** As an export names it: an AgentRef is an Agent there. */
const keyOf = (o: { kind: string; path: string }) => `${o.kind === 'AgentRef' ? 'Agent' : o.kind}:${o.path}`;

function Objects() {
  const { t } = useTranslation();
  const search = useSearch({ from: '/frame/inventory' });
  const { folder, q, state, tab } = search;
  const navigate = useNavigate({ from: '/inventory' });
  const may = useMay('inventory:manage');
  const mayDeploy = useMay('deployments:manage');
  const [asks, setAsks] = useState<{ create: string } | 'deploy' | 'import' | 'export'>();
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const wide = q !== undefined || state !== undefined || search.kind !== undefined;
  const objects = useInfiniteQuery({
    queryKey: ['inventory', 'objects', folder, q, state, search.kind],
    queryFn: ({ pageParam }) =>
      take(
        api.GET('/inventory', {
          params: {
            query: {
              limit: page,
              ...(folder && { folder }),
              ...(wide && { recursive: true }),
              ...(q && { q }),
              ...(state && { state }),
              ...(search.kind && { kind: search.kind }),
              ...(pageParam && { cursor: pageParam }),
            },
          },
        }),
      ),
    initialPageParam: '',
    getNextPageParam: (last) => last.cursor || undefined,
  });
  const changes = useQuery({
    queryKey: ['inventory', 'objects', 'changes'],
    queryFn: () =>
      take(api.GET('/inventory', { params: { query: { recursive: true, state: 'draft,changed', limit: 500 } } })),
  });
  const count = changes.data?.objects.length ?? 0;
  const set = (name: string, value: string | undefined) =>
    void navigate({ search: (s) => changed(s, { [name]: value }), replace: name === 'q' });
  const notDeploy = !mayDeploy ? t('inventory.notDeploy') : count === 0 ? t('inventory.noChanges') : undefined;
  return (
    <View
      name="inventory"
      title={t('nav.inventory')}
      tab={t('nav.inventory')}
      ready={objects.isSuccess}
      fill
      actions={
        <>
          <Act size="sm" not={may || mayDeploy ? undefined : t('archive.notImport')} onClick={() => setAsks('import')}>
            {t('archive.import')}
          </Act>
          <Act size="sm" onClick={() => setAsks('export')}>
            {chosen.size > 0 ? t('archive.exportOf', { count: chosen.size }) : t('archive.export')}
          </Act>
          <Act
            size="sm"
            not={may ? undefined : t('inventory.readOnly')}
            onClick={() => setAsks({ create: 'Workflow' })}
          >
            {t('inventory.createOf.Workflow')}
          </Act>
          {may && (
            <Menu position="bottom-end">
              <Menu.Target>
                <Button variant="default" size="sm">
                  {t('inventory.createOther')}
                </Button>
              </Menu.Target>
              <Menu.Dropdown>
                {kinds
                  .filter((k) => k !== 'Workflow')
                  .map((k) => (
                    <Menu.Item key={k} onClick={() => setAsks({ create: k })}>
                      {t(`inventory.createOf.${k}`)}
                    </Menu.Item>
                  ))}
              </Menu.Dropdown>
            </Menu>
          )}
          <Act size="sm" variant="filled" not={notDeploy} onClick={() => setAsks('deploy')}>
            {t('inventory.deploy', { count })}
          </Act>
        </>
      }
    >
      <div className="inventory">
        <FolderTree
          chosen={tab === 'trash' ? undefined : folder}
          trash={tab === 'trash'}
          onChoose={(f) => void navigate({ search: (s) => changed(s, { folder: f, tab: undefined }) })}
          onTrash={() => void navigate({ search: { tab: 'trash' } })}
        />
        {tab === 'trash' ? (
          <Trash may={may} />
        ) : (
          <div className="inventory-list">
            <FilterBar
              label={t('inventory.filters')}
              filters={[
                { name: 'q', label: t('inventory.search'), wide: true },
                {
                  name: 'kind',
                  label: t('inventory.kind'),
                  options: kinds.map((k) => ({ value: k, label: t(`edit.kinds.${k}`) })),
                },
                {
                  name: 'state',
                  label: t('order.state'),
                  options: states.map((s) => ({ value: s, label: t(`object.${s}`) })),
                },
              ]}
              values={{ q, kind: search.kind, state }}
              onChange={set}
              onClear={
                wide
                  ? () =>
                      void navigate({
                        search: (s) => changed(s, { q: undefined, kind: undefined, state: undefined }),
                      })
                  : undefined
              }
            />
            <Shown query={objects}>
              {({ pages }) => {
                const all = pages.flatMap((x) => x.objects);
                if (all.length === 0) {
                  return (
                    <Empty title={t(wide ? 'inventory.noMatch' : 'inventory.none')}>
                      {t(wide ? 'inventory.noMatchText' : 'inventory.noneText')}
                    </Empty>
                  );
                }
                return <ObjectTable objects={all} wide={wide} chosen={chosen} onChoose={setChosen} />;
              }}
            </Shown>
            {objects.hasNextPage && (
              <button type="button" className="link" onClick={() => void objects.fetchNextPage()}>
                {t('inventory.more')}
              </button>
            )}
            {q !== undefined && q.length >= 3 && <Hits q={q} folder={folder} />}
          </div>
        )}
      </div>
      {typeof asks === 'object' && (
        <CreateDialog kind={asks.create} folder={folder} onClose={() => setAsks(undefined)} />
      )}
      {asks === 'import' && (
        <Suspense>
          <ImportDialog onClose={() => setAsks(undefined)} />
        </Suspense>
      )}
      {asks === 'export' && (
        <Suspense>
          <ExportDialog
            paths={chosen.size > 0 ? [...chosen].sort() : [folder && tab !== 'trash' ? `${folder}/` : '/']}
            onClose={() => setAsks(undefined)}
          />
        </Suspense>
      )}
      {asks === 'deploy' && changes.data && (
        <Suspense>
          <DeployDialog
            objects={changes.data.objects.map(({ kind, path }) => ({ kind, path }))}
            onDone={() => Promise.resolve()}
            onClose={() => setAsks(undefined)}
          />
        </Suspense>
      )}
    </View>
  );
}

interface TableProps {
  objects: readonly Schemas['InventorySummary'][];
  wide: boolean;
  /** What is chosen to be exported: KIND:PATH. */
  chosen: ReadonlySet<string>;
  onChoose: (chosen: ReadonlySet<string>) => void;
}

function ObjectTable({ objects, wide, chosen, onChoose }: TableProps) {
  const { t } = useTranslation();
  const choose = (key: string, on: boolean) => {
    const next = new Set(chosen);
    if (on) next.add(key);
    else next.delete(key);
    onChoose(next);
  };
  return (
    <table className="plain-table" aria-label={t('inventory.objects')}>
      <thead>
        <tr>
          <th className="choose-cell">
            <span className="hidden-text">{t('archive.choose')}</span>
          </th>
          <th>{t('inventory.name')}</th>
          <th>{t('order.state')}</th>
          <th className="wide-cell">{t('inventory.kind')}</th>
          <th className="wide-cell">{t('inventory.changed')}</th>
          <th className="wide-cell">{t('inventory.by')}</th>
        </tr>
      </thead>
      <tbody>
        {objects.map((o) => (
          <tr key={`${o.kind} ${o.path}`} data-testid="row" data-key={`${o.kind}:${o.path}`}>
            <td className="choose-cell">
              <input
                type="checkbox"
                aria-label={t('archive.chooseOf', { name: o.path })}
                checked={chosen.has(keyOf(o))}
                onChange={(e) => choose(keyOf(o), e.currentTarget.checked)}
              />
            </td>
            <td>
              <Link to="/inventory" search={{ kind: o.kind, path: o.path }}>
                <Name of={wide ? o.path : (o.path.split('/').at(-1) ?? o.path)} />
              </Link>
              {o.successor !== undefined && (
                <span className="caption">
                  {' '}
                  <Text>{t('inventory.successor', { path: o.successor })}</Text>
                </span>
              )}
            </td>
            <td data-status={o.state}>
              <ObjectBadge status={o.state} />
            </td>
            <td className="wide-cell second">{t(`edit.kinds.${o.kind}`, o.kind)}</td>
            <td className="wide-cell second">
              <Time at={o.changedAt} />
            </td>
            <td className="wide-cell second">
              <Text>{o.changedBy}</Text>
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** Where a text stands in the documents. */
function Hits({ q, folder }: { q: string; folder: string | undefined }) {
  const { t } = useTranslation();
  const query = useQuery({
    queryKey: ['inventory', 'search', q, folder],
    queryFn: () =>
      take(api.GET('/inventory/search', { params: { query: { q, limit: 50, ...(folder && { folder }) } } })),
  });
  return (
    <section aria-labelledby="hits" className="stack-small">
      <h2 id="hits">{t('inventory.hits')}</h2>
      <Shown query={query}>
        {({ hits }) =>
          hits.length === 0 ? (
            <p className="faint">{t('inventory.noHits')}</p>
          ) : (
            <ul className="stack-small">
              {hits.map((h, i) => {
                const text = [...h.excerpt];
                return (
                  <li key={i}>
                    <Link
                      to="/inventory"
                      search={{ kind: h.kind, path: h.path, ...(h.pointer !== undefined && { at: h.pointer }) }}
                    >
                      <Name of={h.path} />
                    </Link>{' '}
                    <span className="caption">
                      <Text>{[h.job, h.field].filter(Boolean).join(', ')}</Text>
                    </span>{' '}
                    <span className="mono">
                      <Text>{text.slice(0, h.at).join('')}</Text>
                      <mark>
                        <Text>{text.slice(h.at, h.at + h.length).join('')}</Text>
                      </mark>
                      <Text>{text.slice(h.at + h.length).join('')}</Text>
                    </span>
                  </li>
                );
              })}
            </ul>
          )
        }
      </Shown>
    </section>
  );
}
