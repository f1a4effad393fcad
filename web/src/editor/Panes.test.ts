import { expect, it } from 'vitest';
import { moved, sharesOf } from './Panes';

const sum = (shares: number[]) => shares.reduce((a, b) => a + b, 0);

it('shares the width out as it was set, whatever was kept', () => {
  expect(sharesOf(['graph', 'form'], { graph: 0.75, form: 0.25 })).toEqual([0.75, 0.25]);
  expect(sum(sharesOf(['graph', 'form', 'code'], { graph: -1, form: 'x', code: Infinity }))).toBeCloseTo(1);
  expect(sharesOf(['code'], { graph: 3 })).toEqual([1]);
});

it('moves one border, and leaves no pane without room', () => {
  const percent = (shares: number[]) => shares.map((s) => Math.round(s * 100));
  expect(percent(moved([0.5, 0.5], 0, 0.1))).toEqual([60, 40]);
  expect(percent(moved([0.5, 0.5], 0, 1))).toEqual([85, 15]);
  expect(percent(moved([0.4, 0.3, 0.3], 1, -1))).toEqual([40, 15, 45]);
});
