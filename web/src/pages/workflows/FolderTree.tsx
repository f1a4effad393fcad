import { useQueries } from '@tanstack/react-query';
import { useMemo, useRef, useState, type KeyboardEvent } from 'react';
import { useTranslation } from 'react-i18next';
import { IconChevronDown, IconChevronRight } from '@tabler/icons-react';
import { api, take, type Schemas } from '../../api/client';
import { Counted } from '../../graph/Chips';
import { Name } from '../../view/Name';

type Folder = Schemas['FolderRow'];

interface Props {
  chosen: string | undefined;
  onChoose: (folder: string | undefined) => void;
}

interface Row {
  folder: Folder | undefined;
  path: string;
  level: number;
  open: boolean;
}

/** The folders of workflows; what is in one is asked for when it is opened. */
export function FolderTree({ chosen, onChoose }: Props) {
  const { t } = useTranslation();
  const box = useRef<HTMLDivElement>(null);
  const [opened, setOpened] = useState<ReadonlySet<string>>(() => new Set(['', ...parents(chosen)]));
  const [focused, setFocused] = useState(chosen ?? '');
  const asked = [...opened];
  const answers = useQueries({
    queries: asked.map((folder) => ({
      queryKey: ['orders', 'folders', folder],
      queryFn: () =>
        take(api.GET('/overview/workflows', { params: { query: { limit: 1, ...(folder && { folder }) } } })),
    })),
    combine: (all) => all.map((a) => a.data?.folders),
  });
  const rows = useMemo(() => {
    const below = new Map(asked.map((folder, i) => [folder, answers[i] ?? []]));
    const out: Row[] = [{ folder: undefined, path: '', level: 1, open: true }];
    const add = (of: string, level: number) => {
      for (const f of below.get(of) ?? []) {
        const open = opened.has(f.path);
        out.push({ folder: f, path: f.path, level, open });
        if (open) add(f.path, level + 1);
      }
    };
    add('', 2);
    return out;
    // eslint-disable-next-line react-hooks/exhaustive-deps -- asked is opened
  }, [opened, answers]);
  const at = Math.max(
    0,
    rows.findIndex((r) => r.path === focused),
  );
  const turn = (path: string, open: boolean) => {
    if (path === '') return;
    const next = new Set(opened);
    if (open) next.add(path);
    else next.delete(path);
    setOpened(next);
  };
  const go = (i: number) => {
    const row = rows[Math.max(0, Math.min(rows.length - 1, i))];
    if (!row) return;
    setFocused(row.path);
    box.current?.querySelector<HTMLElement>(`[data-folder=${CSS.escape(`/${row.path}`)}]`)?.focus();
  };
  const press = (e: KeyboardEvent) => {
    const row = rows[at];
    if (!row || e.ctrlKey || e.metaKey || e.altKey) return;
    if (e.key === 'ArrowDown' || e.key === 'j') go(at + 1);
    else if (e.key === 'ArrowUp' || e.key === 'k') go(at - 1);
    else if (e.key === 'Home') go(0);
    else if (e.key === 'End') go(rows.length - 1);
    else if (e.key === 'ArrowRight' || e.key === ']') {
      if (row.open) go(at + 1);
      else turn(row.path, true);
    } else if (e.key === 'ArrowLeft' || e.key === '[') {
      if (row.open && row.path !== '') turn(row.path, false);
      else go(rows.findIndex((r) => r.path === (parents(row.path).at(-2) ?? '')));
    } else if (e.key === 'Enter' || e.key === ' ') onChoose(row.path || undefined);
    else return;
    e.preventDefault();
  };
  return (
    <div className="folders" role="tree" aria-label={t('workflows.folders')} ref={box} onKeyDown={press}>
      {rows.map((r, i) => (
        <div
          key={r.path}
          role="treeitem"
          aria-level={r.level}
          aria-expanded={r.open}
          aria-selected={(chosen ?? '') === r.path}
          className="folder"
          data-folder={`/${r.path}`}
          tabIndex={i === at ? 0 : -1}
          style={{ paddingInlineStart: 8 + (r.level - 1) * 12 }}
          onFocus={() => setFocused(r.path)}
          onClick={(e) => {
            if (e.target instanceof Element && e.target.closest('.folder-turn')) turn(r.path, !r.open);
            else onChoose(r.path || undefined);
          }}
        >
          <span className="folder-turn" aria-hidden="true">
            {r.path !== '' && (r.open ? <IconChevronDown size={14} /> : <IconChevronRight size={14} />)}
          </span>
          <span className="folder-name">
            {r.path === '' ? t('workflows.all') : <Name of={r.path.split('/').at(-1) ?? ''} most={28} />}
          </span>
          {r.folder && <Counted counts={r.folder.counts} />}
        </div>
      ))}
    </div>
  );
}

/** A folder and those around it, from the outermost. */
function parents(folder: string | undefined): string[] {
  if (!folder) return [];
  const parts = folder.split('/');
  return parts.map((_, i) => parts.slice(0, i + 1).join('/'));
}
