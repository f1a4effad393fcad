/** Formats a moment as 2026-11-22 14:03:07 in a zone. */
export function formatMoment(ms: number, zone: string, withDate = true): string {
  const parts = new Intl.DateTimeFormat('en-CA', {
    timeZone: zone,
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    hourCycle: 'h23',
  }).formatToParts(ms);
  const get = (type: string) => parts.find((p) => p.type === type)?.value ?? '';
  const time = `${get('hour')}:${get('minute')}:${get('second')}`;
  return withDate ? `${get('year')}-${get('month')}-${get('day')} ${time}` : time;
}

/** Formats a duration as 812 ms, 3.2 s, 4 min 07 s, 1 h 04 min, 3 d 2 h. */
export function formatDuration(ms: number): string {
  const sign = ms < 0 ? '−' : '';
  const t = Math.abs(ms);
  const two = (n: number) => String(n).padStart(2, '0');
  if (t < 999.5) return `${sign}${Math.round(t)} ms`;
  if (t < 59_950) return `${sign}${(t / 1000).toFixed(1)} s`;
  const s = Math.round(t / 1000);
  if (s < 3600) return `${sign}${Math.floor(s / 60)} min ${two(s % 60)} s`;
  const min = Math.round(t / 60_000);
  if (min < 24 * 60) return `${sign}${Math.floor(min / 60)} h ${two(min % 60)} min`;
  const h = Math.round(t / 3_600_000);
  return `${sign}${Math.floor(h / 24)} d ${h % 24} h`;
}

/** Formats how long ago something was, coarsely: 12 s, 2 min, 3 h, 5 d. */
export function formatAge(ms: number): string {
  const s = Math.max(0, Math.floor(ms / 1000));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min`;
  if (s < 48 * 3600) return `${Math.floor(s / 3600)} h`;
  return `${Math.floor(s / 86_400)} d`;
}
