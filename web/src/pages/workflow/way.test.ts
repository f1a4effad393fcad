import { expect, it } from 'vitest';
import { readTree } from '../../graph/tree';
import { isOnWay, wayOf } from './way';

const run = (label: string) => ({ TYPE: 'Execute.Named', jobName: 'j', label });
const tree = readTree(
  JSON.stringify({
    instructions: [
      run('a'),
      {
        TYPE: 'If',
        predicate: 'true',
        then: { instructions: [run('b'), run('c')] },
        else: { instructions: [run('d')] },
      },
      { TYPE: 'PostNotices', boardPaths: ['B'] },
      run('e'),
    ],
    jobs: {},
  }),
);
const names = (keys: ReadonlySet<string>) =>
  [...keys].map((k) => tree.steps.get(k)?.label || tree.steps.get(k)?.type).sort();

const block = (key: string, kind: string) => {
  const found = tree.steps.get(key)?.blocks.find((b) => b.kind === kind);
  if (!found) throw new Error(kind);
  return found;
};

it('has come over what was begun, what is around it, and what lies before it', () => {
  const inside = wayOf(tree, [1, 'then', 1], [[0], [1, 'then', 0]]);
  expect(names(inside.came)).toEqual(['If', 'a', 'b', 'c']);
  expect(inside.at?.label).toBe('c');
  const behind = wayOf(tree, [3], [[0], [1, 'then', 0], [1, 'then', 1], 'nonsense', [9, 'x', 1]]);
  expect(names(behind.came)).toEqual(['If', 'PostNotices', 'a', 'b', 'c', 'e']);
});

it('lights the lines that were gone along', () => {
  const inside = wayOf(tree, [1, 'then', 1], [[0], [1, 'then', 0]]);
  const [then, other] = [block('[1]', 'then'), block('[1]', 'else')];
  const lit = (b: typeof then, nr: number, way = inside) => isOnWay(way, { block: b, nr });
  expect([lit(tree.root, 1), lit(tree.root, 2), lit(then, 0), lit(then, 1), lit(then, 2)]).toEqual([
    true,
    false,
    true,
    true,
    false, // it hasn't left the block yet
  ]);
  expect([lit(other, 0), lit(other, 1)]).toEqual([false, false]);
  const behind = wayOf(tree, [3], [[0], [1, 'then', 0], [1, 'then', 1]]);
  expect([lit(then, 2, behind), lit(other, 1, behind), lit(tree.root, 3, behind)]).toEqual([true, false, true]);
});

it('knows nothing of a step that the version doesn’t have', () => {
  expect(wayOf(tree, [42], []).at).toBeUndefined();
});
