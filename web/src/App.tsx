import { MantineProvider } from '@mantine/core';
import { MutationCache, QueryCache, QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { RouterProvider } from '@tanstack/react-router';
import { useEffect, useMemo, useState } from 'react';
import { Problem } from './api/client';
import { Live } from './live/live';
import { LiveContext } from './live/context';
import { Refresh } from './live/refresh';
import { makeRouter } from './router';
import { beginSession, sessionIsOver, useSession } from './session/session';
import { useSettings } from './settings/settings';
import { resolver, theme } from './theme/theme';
import { useDocument } from './frame/Frame';

function makeQueries(): QueryClient {
  const onError = (e: Error) => {
    if (e instanceof Problem && e.kind === 'unauthenticated') sessionIsOver();
  };
  return new QueryClient({
    queryCache: new QueryCache({ onError }),
    mutationCache: new MutationCache({ onError }),
    defaultOptions: {
      queries: {
        // News say when something is out of date.
        staleTime: 10_000,
        // A long list that was scrolled through goes soon after it was left.
        gcTime: 60_000,
        retry: (n, e) => e instanceof Problem && (e.kind === 'offline' || e.kind === 'unavailable') && n < 2,
        refetchOnWindowFocus: false,
      },
    },
  });
}

export function App({ nonce }: { nonce: string }) {
  const [queries] = useState(makeQueries);
  const [router] = useState(() => makeRouter());
  const settings = useSettings();
  const scheme = settings.theme === 'system' ? 'auto' : settings.theme;
  useDocument();
  return (
    <MantineProvider
      theme={theme}
      cssVariablesResolver={resolver}
      getStyleNonce={() => nonce}
      defaultColorScheme={scheme}
      key={scheme}
    >
      <QueryClientProvider client={queries}>
        <WithNews queries={queries}>
          <RouterProvider router={router} />
        </WithNews>
      </QueryClientProvider>
    </MantineProvider>
  );
}

/** Keeps what is shown up to date as long as there is a session. */
function WithNews({ queries, children }: { queries: QueryClient; children: React.ReactNode }) {
  const open = useSession().kind === 'open';
  const refresh = useMemo(() => new Refresh(queries), [queries]);
  const live = useMemo(
    () =>
      new Live({
        onNews: (n) => refresh.take(n),
        onGap: () => refresh.all(),
        onRefused: () => void beginSession().catch(() => undefined),
      }),
    [refresh],
  );
  useEffect(() => {
    if (!open) return;
    live.start();
    return () => live.stop();
  }, [open, live]);
  return <LiveContext value={live}>{children}</LiveContext>;
}
