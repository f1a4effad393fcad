import { expect, it } from 'vitest';
import { formatAge, formatDuration, formatMoment } from './format';

it.each([
  [0, '0 ms'],
  [812, '812 ms'],
  [999.6, '1.0 s'],
  [3240, '3.2 s'],
  [59_960, '1 min 00 s'],
  [247_000, '4 min 07 s'],
  [3_599_600, '1 h 00 min'],
  [3_840_000, '1 h 04 min'],
  [2 * 86_400_000 + 3 * 3_600_000, '2 d 3 h'],
  [-1500, '−1.5 s'],
])('a duration of %d ms is %s', (ms, text) => expect(formatDuration(ms)).toBe(text));

it.each([
  [-5, '0 s'],
  [59_999, '59 s'],
  [120_000, '2 min'],
  [7_200_000, '2 h'],
  [3 * 86_400_000, '3 d'],
])('%d ms ago is %s', (ms, text) => expect(formatAge(ms)).toBe(text));

it('shows a moment by the clock of a zone', () => {
  const winter = Date.UTC(2026, 10, 22, 13, 3, 7);
  expect(formatMoment(winter, 'Europe/Berlin')).toBe('2026-11-22 14:03:07');
  expect(formatMoment(winter, 'UTC', false)).toBe('13:03:07');
});
