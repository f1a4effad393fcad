import { useSyncExternalStore } from 'react';

const phone = '(max-width: 720px)';

/** Whether the window is as narrow as a phone now. */
export const isNarrow = () => window.matchMedia(phone).matches;

/** Whether it is, for as long as something is shown. */
export function useNarrow(): boolean {
  return useSyncExternalStore((changed) => {
    const query = window.matchMedia(phone);
    query.addEventListener('change', changed);
    return () => query.removeEventListener('change', changed);
  }, isNarrow);
}
