import { expect, it } from 'vitest';
import { fromBrowser, lineHeight, maxRange, place, range, readRange, scaled, toBrowser, towards, way } from './scroll';

const small = { total: 1000, height: 500, row: 20 };
const huge = { total: 12_345_678, height: 701, row: 20 };

it('is as the browser scrolls while lines fit', () => {
  expect(scaled(small)).toBe(false);
  for (const at of [0, 1, 777, 19_500]) {
    const p = place(at, small);
    // The top of the window, counted in lines of one height.
    expect((p.line - 1 + p.share) * lineHeight - p.y).toBeCloseTo(at, 1);
    expect(fromBrowser(toBrowser(at, small), small)).toBe(at);
  }
});

it.each([small, huge])('reaches both ends', (e) => {
  expect(place(0, e)).toMatchObject({ line: 1, share: 0, y: 0, first: 1 });
  expect(place(way(e), e)).toMatchObject({ line: e.total, share: 1, y: e.height, last: e.total });
  expect(range(e)).toBeLessThanOrEqual(maxRange);
  expect(fromBrowser(range(e) - e.height, e)).toBe(way(e));
});

it('finds any line of millions', () => {
  expect(scaled(huge)).toBe(true);
  for (const line of [1, 2, 500_000, 12_345_600, 12_345_678]) {
    const p = place(towards(line, huge), huge);
    expect(p.first).toBeLessThanOrEqual(line);
    expect(p.last).toBeGreaterThanOrEqual(line);
    expect(p.last - p.first).toBeLessThan(60);
  }
});

it('shows a short log whole', () => {
  expect(place(0, { total: 3, height: 500, row: 20 })).toMatchObject({ first: 1, last: 3 });
  expect(place(5, { total: 0, height: 500, row: 20 })).toMatchObject({ last: 0 });
});

it.each([
  ['120', { first: 120, last: 120 }],
  ['120-131', { first: 120, last: 131 }],
  ['131-120', undefined],
  ['0', undefined],
  ['x', undefined],
  [undefined, undefined],
])('reads the range %s', (text, want) => expect(readRange(text)).toEqual(want));
