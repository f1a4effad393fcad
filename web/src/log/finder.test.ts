import { expect, it } from 'vitest';
import type { Hits } from './feed';
import { Finder, next, nextRun } from './finder';

it('looks call by call, and goes on where the log has grown', async () => {
  const asked: number[] = [];
  const f = new Finder((from) => {
    asked.push(from);
    const until = from + 9;
    const hits: Hits = { hits: [from + 1], count: 3, until, lines: 20 };
    return Promise.resolve(until < 20 ? { ...hits, next: until + 1 } : hits);
  });
  const done = () =>
    new Promise<void>((resolve) => {
      const off = f.subscribe(() => {
        if (f.snapshot().busy) return;
        off();
        resolve();
      });
    });
  let wait = done();
  f.upTo(20);
  await wait;
  expect(asked).toEqual([1, 11]);
  expect(f.snapshot()).toMatchObject({ lines: [2, 12], count: 6, until: 20 });
  f.upTo(20);
  expect(asked).toHaveLength(2);
  wait = done();
  f.upTo(25);
  await wait;
  expect(asked).toEqual([1, 11, 21]);
});

it('tells why it could not look', async () => {
  const f = new Finder(() => Promise.reject(new Error('no')));
  f.upTo(1);
  await Promise.resolve();
  await Promise.resolve();
  expect(f.snapshot()).toMatchObject({ busy: false, problem: new Error('no') });
});

it('walks through what was found', () => {
  const lines = [3, 7, 8, 9, 20];
  expect([0, 3, 8, 20].map((n) => next(lines, n, false))).toEqual([3, 7, 9, 3]);
  expect([3, 4, 20, 99].map((n) => next(lines, n, true))).toEqual([20, 3, 9, 20]);
  expect([3, 7, 9, 20].map((n) => nextRun(lines, n))).toEqual([7, 20, 20, 3]);
  expect(next([], 1, false)).toBeUndefined();
});
