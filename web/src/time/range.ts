const units: Record<string, number> = { m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Reads a moment of an address: "-24h", "-30m", "-7d", or a time like 2026-11-22T14:00:00+01:00. Milliseconds. */
export function readMoment(text: string | undefined, now: number): number | undefined {
  if (!text) return undefined;
  const relative = /^-(\d{1,6})([mhd])$/.exec(text);
  if (relative) return now - Number(relative[1]) * (units[relative[2] ?? ''] ?? 0);
  const at = Date.parse(text);
  return Number.isNaN(at) ? undefined : at;
}
