import { Modal } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useDeferredValue, useState, type KeyboardEvent } from 'react';
import { useTranslation } from 'react-i18next';
import '../theme/dialogs.css';
import { api, take } from '../api/client';
import { Name } from '../view/Name';
import './palette.css';

interface Line {
  key: string;
  group: 'go' | 'workflow' | 'order' | 'agent';
  name: string;
  href: string;
}

/** One field to go everywhere: pages, workflows, orders, Agents. */
export default function Palette({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const [text, setText] = useState('');
  const [at, setAt] = useState(0);
  const lines = useLines(useDeferredValue(text.trim()));
  const chosen = Math.min(at, lines.length - 1);
  const go = (line: Line | undefined) => {
    if (!line) return;
    onClose();
    void navigate({ href: line.href });
  };
  const press = (e: KeyboardEvent) => {
    if (e.key === 'ArrowDown') setAt(Math.min(chosen + 1, lines.length - 1));
    else if (e.key === 'ArrowUp') setAt(Math.max(chosen - 1, 0));
    else if (e.key === 'Enter') go(lines[chosen]);
    else return;
    e.preventDefault();
  };
  return (
    <Modal
      opened
      onClose={onClose}
      withCloseButton={false}
      padding={0}
      yOffset={80}
      size={560}
      aria-label={t('palette.title')}
    >
      <input
        className="palette-field"
        role="combobox"
        aria-expanded="true"
        aria-controls="palette-lines"
        aria-activedescendant={lines[chosen] ? `palette-${chosen}` : undefined}
        aria-label={t('palette.title')}
        placeholder={t('palette.placeholder')}
        value={text}
        onChange={(e) => {
          setText(e.target.value);
          setAt(0);
        }}
        onKeyDown={press}
        data-autofocus
      />
      <ul id="palette-lines" role="listbox" aria-label={t('palette.title')} className="palette-lines">
        {lines.map((l, i) => (
          <li
            key={l.key}
            id={`palette-${i}`}
            role="option"
            aria-selected={i === chosen}
            onMouseMove={() => setAt(i)}
            onClick={() => go(l)}
          >
            <Name of={l.name} />
            <span className="caption">{t(`palette.${l.group}`)}</span>
          </li>
        ))}
        {lines.length === 0 && <li className="faint">{t('palette.none')}</li>}
      </ul>
    </Modal>
  );
}

function useLines(text: string): Line[] {
  const { t } = useTranslation();
  const query = { q: text, limit: 8 };
  const workflows = useQuery({
    queryKey: ['items', 'palette', text],
    queryFn: () => take(api.GET('/overview/workflows', { params: { query: { ...query, deep: true } } })),
    enabled: text !== '',
  });
  const orders = useQuery({
    queryKey: ['orders', 'palette', text],
    queryFn: () => take(api.GET('/overview/orders', { params: { query: { ...query, children: true } } })),
    enabled: text !== '',
  });
  const agents = useQuery({
    queryKey: ['agents', 'list'],
    queryFn: () => take(api.GET('/agents', { params: { query: { known: true } } })),
  });
  const low = text.toLowerCase();
  const pages = [
    'dashboard',
    'workflows',
    'orders',
    'history',
    'inventory',
    'deployments',
    'agents',
    'certificates',
    'audit',
  ].map((p) => ({
    key: `go ${p}`,
    group: 'go' as const,
    name: t(`nav.${p}`),
    href: p === 'dashboard' ? '/' : `/${p}`,
  }));
  const found: Line[] = pages.filter((p) => p.name.toLowerCase().includes(low));
  if (text === '') return found;
  for (const o of orders.data?.orders ?? []) {
    const line: Line = { key: `o ${o.id}`, group: 'order', name: o.id, href: `/orders/${encodeURIComponent(o.id)}` };
    if (o.id === text) found.unshift(line);
    else found.push(line);
  }
  for (const w of workflows.data?.workflows ?? []) {
    const href = `/workflows/${w.path.split('/').map(encodeURIComponent).join('/')}`;
    const line: Line = { key: `w ${w.path}`, group: 'workflow', name: w.path, href };
    if (w.path === text) found.unshift(line);
    else found.push(line);
  }
  for (const a of agents.data?.agents ?? []) {
    if (a.name.toLowerCase().includes(low)) {
      found.push({ key: `a ${a.name}`, group: 'agent', name: a.name, href: `/agents/${encodeURIComponent(a.name)}` });
    }
  }
  return found;
}
