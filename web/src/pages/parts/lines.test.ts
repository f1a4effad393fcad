import { expect, it } from 'vitest';
import { chosen, grown, mostLines } from './lines';

const line = (id: number, level = 'info', text = `line ${id}`) => ({ id, time: id, level, text });

it('keeps the last lines, and says where some are missing', () => {
  const one = grown(undefined, { lines: [line(1), line(2)] });
  expect(one).toEqual({ lines: [line(1), line(2)], gaps: [] });
  const two = grown(one, { lines: [line(9)], missed: true });
  expect(two.lines.map((l) => l.id)).toEqual([1, 2, 9]);
  expect(two.gaps).toEqual([9]);
  const many = grown(two, { lines: Array.from({ length: mostLines }, (_, i) => line(100 + i)) });
  expect(many.lines).toHaveLength(mostLines);
  expect(many.lines[0]?.id).toBe(100);
  expect(many.gaps).toEqual([]);
  expect(grown(many, { lines: [] })).toEqual(many);
});

it('shows warnings and errors only, and lines with a text', () => {
  const lines = [line(1), line(2, 'warn', 'the Agent is not coupled'), line(3, 'error'), line(4, 'debug')];
  expect(chosen(lines, 'warn', '').map((l) => l.id)).toEqual([2, 3]);
  expect(chosen(lines, 'all', ' AGENT ').map((l) => l.id)).toEqual([2]);
  expect(chosen(lines, 'all', '')).toHaveLength(4);
});
