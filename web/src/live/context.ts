import { createContext, useContext, useSyncExternalStore } from 'react';
import type { Live, LiveState } from './live';

export const LiveContext = createContext<Live | undefined>(undefined);

const none: LiveState = { connection: 'connecting', heard: 0, lastEventId: '' };
const never = () => () => undefined;
const nothing = () => none;

/** How the connection to the Cockpit is. */
export function useLive(): LiveState {
  const live = useContext(LiveContext);
  return useSyncExternalStore(live?.subscribe ?? never, live?.get ?? nothing);
}
