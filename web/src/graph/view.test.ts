import { expect, it } from 'vitest';
import { held, sight, stepFrom, zoomAt, zoomOf } from './view';

it('zooms around the pointer', () => {
  const v = zoomAt({ x: 10, y: 20, k: 1 }, 2, 110, 220);
  expect(v).toEqual({ x: -90, y: -180, k: 2 });
  expect(zoomAt(v, 9, 0, 0).k).toBe(2);
  expect(zoomAt(v, 0, 0, 0).k).toBe(0.1);
});

it('goes by steps', () => {
  expect(stepFrom(1, true)).toBe(1.25);
  expect(stepFrom(0.97, false)).toBe(0.8);
  expect(stepFrom(2, true)).toBe(2);
  expect(stepFrom(0.1, false)).toBe(0.1);
  expect([0.44, 0.45, 0.9].map(zoomOf)).toEqual(['far', 'middle', 'close']);
});

it('never loses the picture', () => {
  const layout = { width: 1000, height: 500, boxes: [], lanes: [], edges: [], at: new Map() };
  expect(held({ x: 9999, y: -9999, k: 1 }, layout, { w: 800, h: 600 })).toEqual({ x: 720, y: -420, k: 1 });
});

it('sees the same while little moves', () => {
  const size = { w: 800, h: 600 };
  expect(sight({ x: -10, y: -10, k: 1 }, size)).toEqual(sight({ x: -60, y: -90, k: 1 }, size));
  expect(sight({ x: 0, y: 0, k: 0.5 }, size).right).toBeGreaterThanOrEqual(1600);
});
