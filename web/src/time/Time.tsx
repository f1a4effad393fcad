import { useEffect, useState } from 'react';
import { useSettings } from '../settings/settings';
import { formatAge, formatDuration, formatMoment } from './format';

/** The zone by whose clock times are shown. */
export function useZone(): string {
  const { zone } = useSettings();
  return zone === 'utc' ? 'UTC' : Intl.DateTimeFormat().resolvedOptions().timeZone;
}

/** A moment, in the zone of the page. Milliseconds since 1970. */
export function Time({ at, dateless }: { at: number; dateless?: boolean }) {
  const zone = useZone();
  return (
    <time dateTime={new Date(at).toISOString()} title={`${formatMoment(at, zone)} ${zone}`}>
      {formatMoment(at, zone, !dateless)}
    </time>
  );
}

/** The time now, anew every second (or every `step` milliseconds). */
export function useNow(step = 1000): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), step);
    return () => clearInterval(timer);
  }, [step]);
  return now;
}

/** How long ago a moment was; the moment itself is in the title. */
export function Age({ since }: { since: number }) {
  const zone = useZone();
  const now = useNow();
  return (
    <time dateTime={new Date(since).toISOString()} title={`${formatMoment(since, zone)} ${zone}`}>
      {formatAge(now - since)}
    </time>
  );
}

export function Duration({ ms }: { ms: number }) {
  return <span>{formatDuration(ms)}</span>;
}
