import { expect, it } from 'vitest';
import { readTree } from '../graph/tree';
import { following, noWish, readWish, resultsOf, type Resumable } from './resume';

const run = (label: string) => ({ TYPE: 'Execute.Named', jobName: 'j', label });
const tree = readTree(
  JSON.stringify({
    instructions: [
      run('a'),
      { TYPE: 'Try', try: { instructions: [run('b'), run('c')] }, catch: { instructions: [run('d')] } },
      { TYPE: 'Fork', branches: [{ id: 'x', workflow: { instructions: [run('e'), run('f')] } }] },
      run('g'),
    ],
    jobs: {},
  }),
);

const good = (namedValues: Record<string, unknown>) => ({ TYPE: 'Succeeded', namedValues });
const order: Resumable = {
  position: [1, 'try+1', 1],
  arguments: { day: 'mo', n: 3, __proto__x: true },
  historicOutcomes: [
    { position: [0], outcome: good({ returnCode: 0, rows: 'many' }) },
    { position: [1, 'try+0', 0], outcome: good({ returnCode: 0 }) },
    { position: [1, 'try+0', 1], outcome: { TYPE: 'Failed', namedValues: { returnCode: 1 } } },
    { position: [1, 'try+0', 1], outcome: { TYPE: 'Caught' } },
    { position: [1, 'try+1', 0], outcome: good({ returnCode: 0 }) },
  ],
};

const names = (key: string) => following(tree, key).map((s) => s.label || s.type);

it('tells what follows a step, up to the end of the order’s way', () => {
  expect(names('[0]')).toEqual(['a', 'Try', 'Fork', 'g']);
  expect(names('[1,"try",1]')).toEqual(['c', 'Fork', 'g']);
  expect(names('[2,"fork+x",0]')).toEqual(['e', 'f']);
  expect(names('[4]')).toEqual([]);
});

it('tells which results are void, and which can be changed', () => {
  const told = (at: string) => resultsOf(order, at).map((r) => `${r.nr}${r.void ? ' void' : ''}`);
  expect(told('')).toEqual(['0', '1', '4']); // one that was caught can't be reached behind its mark
  expect(told('[1,"try",0]')).toEqual(['0', '1 void', '4 void']);
  expect(told('[0]')).toEqual(['0 void', '1 void', '4 void']);
  expect(told('[3]')).toEqual(['0', '1', '4']);
});

it('asks for nothing when nothing is changed', () => {
  const same = { ...noWish, arguments: new Map([['day', 'mo']]), results: new Map([[0, new Map([['rows', 'many']])]]) };
  expect(readWish(order, same)).toMatchObject({ body: {}, changes: [] });
});

it('asks for what is changed, in the kind that it had', () => {
  const { body, changes } = readWish(order, {
    at: '[1,"try",1]',
    asSucceeded: true,
    arguments: new Map([
      ['day', '7'],
      ['n', '7'],
      ['new', '7'],
    ]),
    results: new Map([[0, new Map([['rows', 'few']])]]),
    dropped: new Set([1]),
  });
  expect(body).toEqual({
    position: [1, 'try', 1],
    asSucceeded: true,
    arguments: { day: '7', n: 7 },
    argumentTexts: { new: '7' },
    historyOperations: [
      { TYPE: 'Replace', position: [0], outcome: good({ returnCode: 0, rows: 'few' }) },
      { TYPE: 'Delete', position: [1, 'try+0', 0] },
    ],
  });
  expect(changes.map((c) => `${c.name} ${c.before} ${c.after}`)).toEqual([
    'day mo 7',
    'n 3 7',
    'new  7',
    'rows many few',
  ]);
});

it('says what can’t be read, and changes nothing that is void', () => {
  const { body, problems } = readWish(order, { ...noWish, arguments: new Map([['n', 'x y']]) });
  expect([body, [...problems]]).toEqual([undefined, [['argument n', 'json']]]);
  const there = { ...noWish, at: '[0]', results: new Map([[0, new Map([['rows', 'few']])]]), dropped: new Set([1]) };
  expect(readWish(order, there).body).toEqual({ position: [0], asSucceeded: true });
});
