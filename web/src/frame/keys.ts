import { useNavigate } from '@tanstack/react-router';
import { useEffect } from 'react';
import { getSettings, setSettings } from '../settings/settings';

const targets: Record<string, string> = {
  d: '/',
  w: '/workflows',
  o: '/orders',
  h: '/history',
  i: '/inventory',
  e: '/deployments',
  a: '/agents',
  c: '/certificates',
  u: '/audit',
};

function isField(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement && (/^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName) || target.isContentEditable)
  );
}

/** The keys that work on every page: Ctrl K, g and a letter, /, ? and z. */
export function useKeys(openPalette: () => void, openMap: () => void): void {
  const navigate = useNavigate();
  useEffect(() => {
    let went = 0;
    const press = (e: KeyboardEvent) => {
      if ((e.ctrlKey || e.metaKey) && e.key.toLowerCase() === 'k') {
        e.preventDefault();
        openPalette();
        return;
      }
      if (e.ctrlKey || e.metaKey || e.altKey || isField(e.target) || !getSettings().singleKeys) return;
      if (document.querySelector('[role=dialog], [role=alertdialog]')) return;
      const target = targets[e.key];
      if (target && Date.now() - went < 1000) {
        went = 0;
        void navigate({ to: target });
      } else if (e.key === 'g') {
        went = Date.now();
      } else if (e.key === '/') {
        const field = document.querySelector<HTMLInputElement>('main input[type=search]');
        if (field) {
          e.preventDefault();
          field.focus();
        }
      } else if (e.key === '?') {
        openMap();
      } else if (e.key === 'z') {
        setSettings({ zone: getSettings().zone === 'mine' ? 'utc' : 'mine' });
      }
    };
    window.addEventListener('keydown', press);
    return () => window.removeEventListener('keydown', press);
  }, [navigate, openPalette, openMap]);
}
