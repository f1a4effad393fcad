import { expect, it } from 'vitest';
import { readMoment } from './range';

it.each([
  ['-30m', 8_200_000],
  ['-2h', 2_800_000],
  ['-1d', -76_400_000],
  ['1970-01-01T01:00:01+01:00', 1000],
  ['nonsense', undefined],
  ['-5y', undefined],
  ['', undefined],
  [undefined, undefined],
])('reads %s', (text, want) => expect(readMoment(text, 10_000_000)).toBe(want));
