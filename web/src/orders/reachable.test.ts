import { expect, it } from 'vitest';
import { readTree } from '../graph/tree';
import { reachable } from './reachable';

const run = (label: string) => ({ TYPE: 'Execute.Named', jobName: 'j', label });
const tree = readTree(
  JSON.stringify({
    instructions: [
      run('a'),
      { TYPE: 'Try', try: { instructions: [run('b')] }, catch: { instructions: [run('c')] } },
      {
        TYPE: 'Fork',
        branches: [
          { id: 'x', workflow: { instructions: [run('d'), run('e')] } },
          { id: 'y', workflow: { instructions: [run('f')] } },
        ],
      },
    ],
    jobs: {},
  }),
);

const names = (position: (string | number)[]) =>
  reachable(tree, position).map((t) => (t.isEnd ? 'end' : t.step.label || t.step.type));

it('offers the steps of the same level, and those within a Try', () => {
  expect(names([1, 'try+2', 0])).toEqual(['a', 'Try', 'b', 'c', 'Fork', 'end']);
});

it('offers a child the steps of its own branch', () => {
  expect(names([2, 'fork+x', 0])).toEqual(['d', 'e', 'end']);
});
