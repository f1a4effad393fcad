import { useSyncExternalStore } from 'react';
import { api, take, type Schemas } from '../api/client';

export type Me = Schemas['Me'];

export type SessionState =
  | { kind: 'unknown' }
  | { kind: 'none' } // nobody has logged in yet
  | { kind: 'open'; me: Me }
  | { kind: 'over'; me: Me }; // it was open, and the Cockpit knows it no longer

let state: SessionState = { kind: 'unknown' };
const listeners = new Set<() => void>();

function set(next: SessionState): void {
  state = next;
  listeners.forEach((l) => l());
}

const subscribe = (l: () => void) => {
  listeners.add(l);
  return () => listeners.delete(l);
};

export function useSession(): SessionState {
  return useSyncExternalStore(subscribe, () => state);
}

export function getSession(): SessionState {
  return state;
}

/** Finds out whether this browser has a session. */
export async function beginSession(): Promise<void> {
  const { session } = await take(api.GET('/login/methods'));
  if (session) set({ kind: 'open', me: session });
  else if (state.kind === 'open') sessionIsOver();
  else if (state.kind === 'unknown') set({ kind: 'none' });
}

/** Notes that the Cockpit has refused a call for want of a session. */
export function sessionIsOver(): void {
  if (state.kind === 'open') set({ kind: 'over', me: state.me });
}

export async function login(body: { account?: string; password?: string; method?: string }): Promise<void> {
  await take(api.POST('/login', { body: { ...body, cookie: true } }));
  await beginSession();
}

export async function logout(): Promise<void> {
  await take(api.POST('/logout', {}));
  set({ kind: 'none' });
}

/** Tells whether the account may do something. */
export function useMay(permission: string): boolean {
  const s = useSession();
  return (s.kind === 'open' || s.kind === 'over') && s.me.permissions.includes(permission);
}
