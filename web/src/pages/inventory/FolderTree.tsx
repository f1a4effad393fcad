import { useQuery } from '@tanstack/react-query';
import { useState, type KeyboardEvent } from 'react';
import { useTranslation } from 'react-i18next';
import { IconChevronDown, IconChevronRight, IconTrash } from '@tabler/icons-react';
import { api, take, type Schemas } from '../../api/client';
import { Name } from '../../view/Name';

interface Props {
  chosen: string | undefined;
  trash: boolean;
  onChoose: (folder: string | undefined) => void;
  onTrash: () => void;
}

/** The folders of the inventory, and the trash. What is in a folder is asked for when it is opened. */
export function FolderTree({ chosen, trash, onChoose, onTrash }: Props) {
  const { t } = useTranslation();
  const [focused, setFocused] = useState(trash ? '//' : (chosen ?? ''));
  const press = (e: KeyboardEvent<HTMLElement>) => {
    const items = [...e.currentTarget.querySelectorAll<HTMLElement>('[role=treeitem]')];
    const at = items.findIndex((x) => x === document.activeElement);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: items.length - 1 }[e.key];
    if (to === undefined || e.ctrlKey || e.metaKey || e.altKey) return;
    items[Math.max(0, Math.min(items.length - 1, to))]?.focus();
    e.preventDefault();
  };
  return (
    <div className="inventory-tree" role="tree" aria-label={t('nav.inventory')} onKeyDown={press}>
      <Row
        path=""
        name={t('inventory.all')}
        level={1}
        open={undefined}
        chosen={!trash && !chosen}
        focused={focused}
        onFocus={setFocused}
        onChoose={() => onChoose(undefined)}
      />
      <Below
        of=""
        level={2}
        chosen={trash ? undefined : chosen}
        focused={focused}
        onFocus={setFocused}
        onChoose={onChoose}
      />
      <Row
        path="//"
        name={t('inventory.trash')}
        level={1}
        open={undefined}
        icon={<IconTrash size={14} aria-hidden />}
        chosen={trash}
        focused={focused}
        onFocus={setFocused}
        onChoose={onTrash}
      />
    </div>
  );
}

interface Focusing {
  focused: string;
  onFocus: (path: string) => void;
}

function Below(
  p: Focusing & { of: string; level: number; chosen: string | undefined; onChoose: (folder: string) => void },
) {
  const { t } = useTranslation();
  const query = useQuery({
    queryKey: ['inventory', 'folders', p.of],
    queryFn: () =>
      take(api.GET('/inventory/folders', { params: { query: { limit: 1000, ...(p.of && { folder: p.of }) } } })),
  });
  return (
    <>
      {query.data?.folders.map((f) => (
        <Folder key={f.path} folder={f} {...p} />
      ))}
      {query.data?.cursor !== undefined && query.data.cursor !== '' && (
        <p className="caption">{t('inventory.manyFolders')}</p>
      )}
    </>
  );
}

function Folder(
  p: Focusing & {
    folder: Schemas['InventoryFolder'];
    level: number;
    chosen: string | undefined;
    onChoose: (folder: string) => void;
  },
) {
  const { path, name, changed, hasFolders } = p.folder;
  const within = p.chosen !== undefined && p.chosen.startsWith(`${path}/`);
  const [opened, setOpened] = useState<boolean>();
  const open = hasFolders && (opened ?? within);
  return (
    <>
      <Row
        path={path}
        name={name}
        level={p.level}
        open={hasFolders ? open : undefined}
        changed={changed}
        chosen={p.chosen === path}
        focused={p.focused}
        onFocus={p.onFocus}
        onTurn={setOpened}
        onChoose={() => p.onChoose(path)}
      />
      {open && <Below {...p} of={path} level={p.level + 1} />}
    </>
  );
}

function Row(
  p: Focusing & {
    path: string;
    name: string;
    level: number;
    open: boolean | undefined;
    icon?: React.ReactNode;
    changed?: number;
    chosen: boolean;
    onTurn?: (open: boolean) => void;
    onChoose: () => void;
  },
) {
  const { t } = useTranslation();
  const press = (e: KeyboardEvent) => {
    if (e.key === 'Enter' || e.key === ' ') p.onChoose();
    else if (e.key === 'ArrowRight' && p.open === false) p.onTurn?.(true);
    else if (e.key === 'ArrowLeft' && p.open === true) p.onTurn?.(false);
    else return;
    e.preventDefault();
  };
  return (
    <div
      role="treeitem"
      aria-level={p.level}
      aria-expanded={p.open}
      aria-selected={p.chosen}
      className="tree-row"
      tabIndex={p.focused === p.path ? 0 : -1}
      style={{ paddingInlineStart: 8 + (p.level - 1) * 12 }}
      onFocus={() => p.onFocus(p.path)}
      onKeyDown={press}
      onClick={(e) => {
        if (e.target instanceof Element && e.target.closest('.tree-turn')) p.onTurn?.(!p.open);
        else p.onChoose();
      }}
    >
      <span className={p.open === undefined ? 'tree-no-turn' : 'tree-turn'} aria-hidden="true">
        {p.open === undefined ? p.icon : p.open ? <IconChevronDown size={14} /> : <IconChevronRight size={14} />}
      </span>
      <Name of={p.name} most={28} />
      {p.changed !== undefined && p.changed > 0 && (
        <span className="caption">{t('inventory.changes', { count: p.changed })}</span>
      )}
    </div>
  );
}
