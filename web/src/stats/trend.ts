// How long a job takes over the days, as a small picture.

import type { Schemas } from '../api/client';

type Day = Schemas['JobDay'];

export interface Point {
  day: Day;
  /** Middle of the day's column, and heights from the top, in the picture's own units. */
  x: number;
  p50: number;
  p95: number;
}

export interface Trend {
  /** Days on which something succeeded. */
  points: Point[];
  /** Days on which something failed: where, and which part of the runs. */
  failed: { day: Day; x: number; share: number }[];
  /** What the upper edge stands for, in milliseconds. */
  most: number;
  line: string;
  band: string;
}

export const picture = { w: 300, h: 64 } as const;
const dayMs = 86_400_000;

/** Lays out the days; the last of them ends at the right edge. Days without runs stay empty. */
export function trendOf(days: readonly Day[], from: number, until: number): Trend {
  const most = Math.max(1, ...days.map((d) => d.p95));
  const width = picture.w / Math.max(1, Math.round((until - from) / dayMs) + 1);
  const xOf = (d: Day) => (Math.round((d.day - from) / dayMs) + 0.5) * width;
  const yOf = (ms: number) => picture.h - (ms / most) * (picture.h - 4);
  const points = days
    .filter((d) => d.count > d.failed)
    .map((day) => ({ day, x: xOf(day), p50: yOf(day.p50), p95: yOf(day.p95) }));
  const failed = days
    .filter((d) => d.failed > 0)
    .map((day) => ({ day, x: xOf(day), share: day.failed / Math.max(1, day.count) }));
  const at = (p: Point, y: number) => `${round(p.x)} ${round(y)}`;
  const line = points.map((p, i) => `${i === 0 ? 'M' : 'L'}${at(p, p.p50)}`).join('');
  const over = points.map((p, i) => `${i === 0 ? 'M' : 'L'}${at(p, p.p95)}`).join('');
  const back = points
    .toReversed()
    .map((p) => `L${at(p, p.p50)}`)
    .join('');
  return { points, failed, most, line, band: points.length > 1 ? `${over}${back}z` : '' };
}

const round = (n: number) => Math.round(n * 10) / 10;

/** The height of a run's bar, in percent: within what is usual, or all of it. */
export function heightOf(ms: number, p95: number, longest: number): number {
  const full = Math.max(1, p95 || longest);
  return Math.max(8, Math.min(100, Math.round((100 * ms) / full)));
}
