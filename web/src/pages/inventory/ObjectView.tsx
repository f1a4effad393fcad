import { Button, Menu } from '@mantine/core';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Link, useNavigate } from '@tanstack/react-router';
import { lazy, Suspense, useState } from 'react';
import { useTranslation } from 'react-i18next';
import '../../theme/menus.css';
import { api, take } from '../../api/client';
import { Confirm } from '../../dialogs/Confirm';
import { openObject } from '../../editor/door';
import { useMay } from '../../session/session';
import { ObjectBadge } from '../../state/Badge';
import { Name } from '../../view/Name';
import { Shown, Skeleton, View } from '../../view/View';
import { RenameDialog } from './RenameDialog';

const Editor = lazy(() => import('../../editor/Editor').then((m) => ({ default: m.Editor })));

const ExportDialog = lazy(() => import('./ExportDialog').then((m) => ({ default: m.ExportDialog })));

type Asks = 'rename' | 'delete' | 'discard' | 'export';

/** One object of the inventory in its editor. */
export function ObjectView({ kind, path }: { kind: string; path: string }) {
  const { t } = useTranslation();
  const queries = useQueryClient();
  const navigate = useNavigate({ from: '/inventory' });
  const may = useMay('inventory:manage');
  const [asks, setAsks] = useState<Asks>();
  const [state, setState] = useState<string>();
  // The editor goes on from the first answer by itself: nothing is asked for behind its back.
  const query = useQuery({
    queryKey: ['inventory-draft', kind, path],
    queryFn: () => openObject(kind, path),
    staleTime: Infinity,
    gcTime: 0,
  });
  const parts = path.split('/');
  const folder = parts.slice(0, -1).join('/');
  const name = parts.at(-1) ?? path;
  // Not what is known of this object: by its old path there is nothing to ask for.
  const again = () => {
    for (const of of ['objects', 'folders', 'trash']) void queries.invalidateQueries({ queryKey: ['inventory', of] });
  };
  const toFolder = () => navigate({ search: folder ? { folder } : {} });
  const menu = (
    <Menu position="bottom-end">
      <Menu.Target>
        <Button variant="default" size="xs">
          {t('inventory.menu')}
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Item onClick={() => setAsks('export')}>{t('archive.export')}</Menu.Item>
        {may && <Menu.Item onClick={() => setAsks('rename')}>{t('inventory.rename')}</Menu.Item>}
        {may && query.data?.deployed && (
          <Menu.Item onClick={() => setAsks('discard')}>{t('inventory.discard')}</Menu.Item>
        )}
        {may && <Menu.Item onClick={() => setAsks('delete')}>{t('inventory.delete')}</Menu.Item>}
      </Menu.Dropdown>
    </Menu>
  );
  return (
    <View
      name="object"
      title={<Name of={name} most={64} />}
      tab={name}
      ready={!query.isPending}
      fill
      badges={query.data && <ObjectBadge status={state ?? query.data.state} />}
    >
      <nav aria-label={t('inventory.folders')} className="crumbs">
        <Link to="/inventory">{t('nav.inventory')}</Link>
        {parts.slice(0, -1).map((part, i) => (
          <span key={i}>
            {' / '}
            <Link to="/inventory" search={{ folder: parts.slice(0, i + 1).join('/') }}>
              <Name of={part} most={24} />
            </Link>
          </span>
        ))}
      </nav>
      {!may && <p className="second">{t('inventory.readOnly')}</p>}
      <Shown query={query} skeleton={<Skeleton rows={8} />}>
        {(opened) => (
          <Suspense fallback={<Skeleton rows={8} />}>
            <Editor
              key={opened.saved.etag}
              kind={kind}
              path={path}
              opened={opened}
              may={may}
              actions={menu}
              onState={setState}
            />
          </Suspense>
        )}
      </Shown>
      {asks === 'export' && (
        <Suspense>
          <ExportDialog
            paths={[`${kind === 'AgentRef' ? 'Agent' : kind}:${path}`]}
            onClose={() => setAsks(undefined)}
          />
        </Suspense>
      )}
      {asks === 'rename' && (
        <RenameDialog
          kind={kind}
          path={path}
          onDone={(to) => {
            again();
            void navigate({ search: { kind, path: to } });
          }}
          onClose={() => setAsks(undefined)}
        />
      )}
      {asks === 'delete' && (
        <Confirm
          question={t('inventory.deleteAsk', { name })}
          consequences={[t('inventory.deleteWill')]}
          verb={t('inventory.delete')}
          danger
          act={async (reason) => {
            const params = { query: { kind, path, ...(reason !== undefined && { reason }) } };
            await take(api.DELETE('/inventory/object', { params }));
            again();
            await toFolder();
          }}
          onClose={() => setAsks(undefined)}
        />
      )}
      {asks === 'discard' && (
        <Confirm
          question={t('inventory.discardAsk', { name })}
          consequences={[t('inventory.discardWill')]}
          verb={t('inventory.discard')}
          danger
          act={async (reason) => {
            const body = { kind, path, ...(reason !== undefined && { reason }) };
            await take(api.POST('/inventory/discard', { body }));
            again();
            setState(undefined);
            await query.refetch();
          }}
          onClose={() => setAsks(undefined)}
        />
      )}
    </View>
  );
}
