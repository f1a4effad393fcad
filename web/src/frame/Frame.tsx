import { useQuery } from '@tanstack/react-query';
import { Link, Outlet, useLocation } from '@tanstack/react-router';
import { lazy, Suspense, useCallback, useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { IconDots, IconSearch } from '@tabler/icons-react';
import { api, take } from '../api/client';
import { useLive } from '../live/context';
import { useMethods } from '../session/LoginPage';
import { useSession } from '../session/session';
import { useSettings } from '../settings/settings';
import { environments } from '../theme/tokens';
import { formatMoment } from '../time/format';
import { useNow, useZone } from '../time/Time';
import { useControllers } from './controllers';
import { Mark } from './Mark';
import { useKeys } from './keys';
import './frame.css';

const AccountMenu = lazy(() => import('./AccountMenu'));
const Palette = lazy(() => import('./Palette'));
const KeyMap = lazy(() => import('./KeyMap'));
const Outage = lazy(() => import('./Outage'));
const SessionOver = lazy(() => import('../session/SessionOver'));

const places = [
  { to: '/', name: 'dashboard' },
  { to: '/workflows', name: 'workflows' },
  { to: '/orders', name: 'orders' },
  { to: '/history', name: 'history' },
  { to: '/inventory', name: 'inventory' },
  { to: '/deployments', name: 'deployments' },
  { to: '/agents', name: 'agents' },
  { to: '/certificates', name: 'certificates' },
  { to: '/audit', name: 'audit' },
] as const;

/** What stands around every page but the login. */
export function Frame() {
  const { t } = useTranslation();
  const methods = useMethods();
  const session = useSession();
  const environment = methods.data?.environment;
  const color = environments[environment?.color ?? 'ink'] ?? environments['ink'];
  const [palette, setPalette] = useState(false);
  const [keyMap, setKeyMap] = useState(false);
  const { pathname } = useLocation();
  // Where "More" was opened: going elsewhere closes it.
  const [moreAt, setMoreAt] = useState<string>();
  const more = moreAt === pathname;
  useKeys(
    useCallback(() => setPalette(true), []),
    useCallback(() => setKeyMap(true), []),
  );
  const troubled = useControllers().data?.controllers.some((c) => c.problem);
  useFavicon(color?.fill);
  const attention = useAttention();
  return (
    <div className="frame">
      <a className="skip" href="#content">
        {t('nav.skip')}
      </a>
      <div className="band" style={{ background: color?.fill }} />
      <header className="head">
        <Link to="/" className="brand" aria-label="Signet">
          <Mark size={20} />
          <span>Signet</span>
        </Link>
        {environment && (
          <span className="chip" style={{ background: color?.fill, color: color?.text }}>
            {environment.name}
          </span>
        )}
        {methods.data && (
          <span className="chip plain wide-only">
            {t('frame.level', { level: t(`level.${methods.data.securityLevel}`) })}
          </span>
        )}
        <button type="button" className="search-button" aria-keyshortcuts="Control+K" onClick={() => setPalette(true)}>
          <IconSearch size={16} aria-hidden />
          <span className="search-words">{t('frame.search')}</span>
          <kbd className="wide-only">Ctrl K</kbd>
        </button>
        <Health />
        <ConnectionMark />
        <Clock />
        <Suspense fallback={<span className="account-space" />}>
          <AccountMenu onKeyMap={() => setKeyMap(true)} />
        </Suspense>
      </header>
      <nav className={more ? 'nav open' : 'nav'} aria-label={t('nav.main')}>
        {places.map((p, i) => (
          <Link
            key={p.to}
            to={p.to}
            className={i > 3 ? 'rest' : ''}
            activeOptions={{ exact: p.to === '/' }}
            activeProps={{ 'aria-current': 'page' }}
          >
            <span>{t(`nav.${p.name}`)}</span>
            {p.name === 'orders' && attention > 0 && (
              <span className="count" aria-hidden="true">
                {attention}
              </span>
            )}
          </Link>
        ))}
        <button
          type="button"
          className="more"
          aria-expanded={more}
          onClick={() => setMoreAt(more ? undefined : pathname)}
        >
          <IconDots size={16} aria-hidden />
          {t('nav.more')}
        </button>
      </nav>
      <div className="content" id="content" tabIndex={-1}>
        {troubled && (
          <Suspense>
            <Outage />
          </Suspense>
        )}
        <Outlet />
      </div>
      {palette && (
        <Suspense>
          <Palette onClose={() => setPalette(false)} />
        </Suspense>
      )}
      {keyMap && (
        <Suspense>
          <KeyMap onClose={() => setKeyMap(false)} />
        </Suspense>
      )}
      {session.kind === 'over' && (
        <Suspense>
          <SessionOver me={session.me} methods={methods.data?.methods ?? ['password']} />
        </Suspense>
      )}
    </div>
  );
}

/** How many orders need a person. */
function useAttention(): number {
  const counts = useQuery({
    queryKey: ['orders', 'counts'],
    queryFn: () => take(api.GET('/overview/orders', { params: { query: { limit: 1 } } })),
  });
  const c = counts.data?.counts ?? {};
  return ['Failed', 'FailedWhileFresh', 'Broken'].reduce((n, s) => n + (c[s] ?? 0), 0);
}

function useFavicon(fill: string | undefined): void {
  useEffect(() => {
    const link = document.querySelector<HTMLLinkElement>('link[rel=icon]');
    if (!link || !fill) return;
    const svg = `<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 24 24'><path d='M12 1l10 11-10 11L2 12z' fill='${fill}'/></svg>`;
    link.href = `data:image/svg+xml,${encodeURIComponent(svg)}`;
  }, [fill]);
}

function Health() {
  const { t } = useTranslation();
  const agents = useQuery({
    queryKey: ['agents', 'list'],
    queryFn: () => take(api.GET('/agents', { params: { query: { known: true } } })),
  });
  const status = useControllers();
  const members = (status.data?.controllers ?? []).flatMap((c) => c.members);
  const ready = members.filter((m) => m.role === 'leader' || m.state === 'ready' || !m.state).length;
  const all = agents.data?.agents ?? [];
  const usable = all.filter((a) => a.coupled && !a.disabled).length;
  const bad = status.data?.controllers.some((c) => c.problem) || ready < members.length || usable < all.length;
  return (
    <Link to="/agents" className={bad ? 'health wide-only bad' : 'health wide-only'}>
      {status.data && t('frame.controllers', { ready, all: members.length })}
      {' · '}
      {agents.data && t('frame.agentsHealth', { ready: usable, all: all.length })}
    </Link>
  );
}

function ConnectionMark() {
  const { t } = useTranslation();
  const zone = useZone();
  const live = useLive();
  const time = formatMoment(live.heard, zone, false);
  const words = {
    connecting: t('frame.connecting'),
    live: t('frame.live'),
    reconnecting: t('frame.reconnecting', { time }),
    offline: t('frame.offline', { time }),
  };
  return (
    <span
      role="status"
      aria-label={t('frame.connection')}
      className={`connection ${live.connection}`}
      data-event-id={live.lastEventId}
    >
      <span className="dot" aria-hidden="true" />
      <span>{words[live.connection]}</span>
    </span>
  );
}

function Clock() {
  const zone = useZone();
  const now = useNow();
  return (
    <span className="clock wide-only">
      {formatMoment(now, zone, false)} <span className="faint">{zone}</span>
    </span>
  );
}

/** Sets the title of the browser's tab. */
export function useTitle(...parts: string[]): void {
  const methods = useMethods();
  const name = methods.data?.environment.name;
  const title = [...parts, ...(name ? [name] : []), 'Signet'].join(' · ');
  useEffect(() => {
    document.title = title;
  }, [title]);
}

/** Reads settings that the whole document follows. */
export function useDocument(): void {
  const { density } = useSettings();
  useEffect(() => {
    document.documentElement.dataset['density'] = density;
  }, [density]);
}
