import { expect, it } from 'vitest';
import { bars, gaps, messageOf, outcomeOf, scaleOf, type Step } from './timeline';

function step(start: number, end: number, more: Partial<Step> = {}): Step {
  return { orderId: 'O', position: [0], label: 'l', job: 'j', agent: 'a', task: 't', try: 1, start, end, ...more };
}

it('tells how a step ended', () => {
  expect(outcomeOf(step(1, 0))).toBe('Running');
  expect(outcomeOf(step(1, 2, { outcome: { TYPE: 'Failed' } }))).toBe('Failed');
  expect(outcomeOf(step(1, 2, { outcome: { TYPE: 'Disrupted', reason: { TYPE: 'ProcessLost' } } }))).toBe(
    'ProcessLost',
  );
  expect(messageOf(step(1, 2, { outcome: { TYPE: 'TimedOut', outcome: { TYPE: 'Failed', message: 'm' } } }))).toBe('m');
  expect(messageOf(step(1, 2, { outcome: { TYPE: 'Disrupted', reason: { problem: { message: 'p' } } } }))).toBe('p');
  expect(messageOf(step(1, 2))).toBe('');
});

it('goes from the first to the last moment', () => {
  const all = bars([step(100, 200), step(200, 300), step(250, 0)], 500);
  const at = scaleOf(all);
  expect([at(0), at(100), at(300), at(500), at(900)]).toEqual([0, 0, 0.5, 1, 1]);
});

it('folds long stretches in which nothing ran', () => {
  const all = bars([step(0, 100), step(20_000, 20_100, { orderId: 'O|left' })], 0);
  expect(gaps(all)).toEqual([{ from: 100, to: 20_000 }]);
  const at = scaleOf(all);
  expect(at(100)).toBeCloseTo(0.48);
  expect(at(20_000)).toBeCloseTo(0.52);
  expect(at(10_050)).toBeCloseTo(0.5);
  expect(at(20_100)).toBeCloseTo(1);
  expect(all[1]).toMatchObject({ depth: 1, branch: 'left' });
});

it('never goes backwards', () => {
  const all = bars([step(0, 10), step(500, 510), step(505, 900), step(3000, 3001)], 0);
  const at = scaleOf(all);
  let last = -1;
  for (let ms = -10; ms < 3100; ms += 7) {
    expect(at(ms)).toBeGreaterThanOrEqual(last);
    last = at(ms);
  }
  expect(last).toBeCloseTo(1);
});
