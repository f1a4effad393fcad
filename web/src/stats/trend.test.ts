import { expect, it } from 'vitest';
import { heightOf, picture, trendOf } from './trend';

const dayMs = 86_400_000;
const day = (nr: number, p50: number, p95: number, count = 5, failed = 0) => ({
  day: nr * dayMs,
  count,
  failed,
  p50,
  p95,
});

it('draws the days where they belong, the longest at the top', () => {
  const t = trendOf([day(10, 50, 100), day(12, 100, 200), day(13, 0, 0, 2, 2)], 10 * dayMs, 13 * dayMs);
  expect(t.points.map((p) => p.x)).toEqual([37.5, 187.5]); // nothing succeeded on the last day
  expect(t.points.map((p) => [p.p50, p.p95])).toEqual([
    [49, 34],
    [34, 4],
  ]);
  expect(t.most).toBe(200);
  expect(t.line).toBe('M37.5 49L187.5 34');
  expect(t.band).toBe('M37.5 34L187.5 4L187.5 34L37.5 49z');
  expect(t.failed.map((f) => [f.x, f.share])).toEqual([[262.5, 1]]);
});

it('draws one day as a point, and none as nothing', () => {
  expect(trendOf([day(10, 1, 1)], 0, 10 * dayMs).band).toBe('');
  expect(trendOf([], 0, dayMs)).toMatchObject({ points: [], failed: [], line: '', band: '' });
  expect(picture.w).toBeGreaterThan(0);
});

it.each([
  [50, 100, 0, 50],
  [1000, 100, 0, 100],
  [0, 100, 0, 8],
  [50, 0, 200, 25],
  [0, 0, 0, 8],
])('a run of %d ms, usually up to %d, is %d %% high', (ms, p95, longest, want) =>
  expect(heightOf(ms, p95, longest)).toBe(want),
);
