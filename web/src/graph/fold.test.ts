import { describe, expect, it } from 'vitest';
import { foldedAtFirst, foldedBy, keysOf, turned } from './fold';
import { layOut } from './layout';
import { chips, standing } from './places';
import { readTree, type Step } from './tree';
import { walk } from './walk';

const job = { TYPE: 'Execute.Named', jobName: 'j' };
const iff = (...then: unknown[]) => ({ TYPE: 'If', predicate: 'true', then: { instructions: then } });
const read = (instructions: unknown[]) => readTree(JSON.stringify({ instructions }));
const step = (tree: ReturnType<typeof read>, key: string) => tree.steps.get(key) as Step;

describe('folding', () => {
  it('leaves a small workflow open', () => {
    expect(foldedAtFirst(read([iff(iff(job))]), []).size).toBe(0);
  });
  it('begins with the deepest blocks, but not around what failed', () => {
    const tree = read(Array.from({ length: 40 }, () => iff(job, iff(job, job))));
    const folded = foldedAtFirst(tree, ['[3,"then",1,"then",0]']);
    expect(folded.has('[3]')).toBe(false);
    expect(folded.has('[3,"then",1]')).toBe(false);
    expect(folded.has('[4,"then",1]')).toBe(true);
    const drawn = layOut(tree.root, (s) => folded.has(s.key)).boxes.length;
    expect(drawn).toBeLessThanOrEqual(150);
    expect(drawn).toBeGreaterThan(80);
  });
  it('does what the person wants', () => {
    const at = (key: string) => ({ key }) as Step;
    const all = foldedBy({ open: '[1]', fold: 'all' }, new Set(), new Set(['[2]']));
    expect([at('[1]'), at('[2]'), at('[3]')].map(all)).toEqual([false, false, true]);
    const first = foldedBy({ open: undefined, fold: '[2]' }, new Set(['[1]']), new Set(['[2]']));
    expect([at('[1]'), at('[2]'), at('[3]')].map(first)).toEqual([true, true, false]);
    expect(foldedBy({ open: 'all', fold: undefined }, new Set(['[1]']), new Set())(at('[1]'))).toBe(false);
  });
  it('keeps each choice in the address', () => {
    const a = turned({ open: undefined, fold: undefined }, '[1,"then",0]', true);
    expect(a).toEqual({ open: undefined, fold: '[1,"then",0]' });
    const b = turned(turned(a, '[2]', false), '[1,"then",0]', false);
    expect(keysOf(b.open)).toEqual(new Set(['[2]', '[1,"then",0]']));
    expect(b.fold).toBeUndefined();
    expect(turned({ open: 'all', fold: undefined }, '[2]', true)).toEqual({ open: 'all', fold: '[2]' });
  });
  it.each([undefined, '', 'all', '[', 'x'])('reads %s as no list', (list) => expect(keysOf(list).size).toBe(0));
});

describe('walking', () => {
  const fork = {
    TYPE: 'Fork',
    branches: [
      { id: 'A', workflow: { instructions: [job, job] } },
      { id: 'B', workflow: { instructions: [job] } },
    ],
  };
  const tree = read([job, fork, job]);
  const layout = layOut(tree.root, () => false);
  const path = (from: string, ...keys: string[]) =>
    keys.reduce<Step | undefined>((s, key) => s && walk(s, key, layout), step(tree, from))?.key;
  it('goes down into blocks and out of them', () => {
    expect(path('[0]', 'ArrowDown')).toBe('[1]');
    expect(path('[1]', 'ArrowDown')).toBe('[1,"fork+A",0]');
    expect(path('[1,"fork+A",1]', 'ArrowDown', 'ArrowDown')).toBe('[2]');
    expect(path('[3]', 'ArrowDown')).toBeUndefined();
  });
  it('goes up the same way', () => {
    expect(path('[1,"fork+B",0]', 'ArrowUp')).toBe('[1]');
    expect(path('[2]', 'ArrowUp')).toBe('[1,"fork+A",2]');
    expect(path('[0]', 'ArrowUp')).toBeUndefined();
  });
  it('goes over the lanes', () => {
    expect(path('[1,"fork+A",1]', 'ArrowRight')).toBe('[1,"fork+B",1]');
    expect(path('[1,"fork+B",0]', 'ArrowLeft')).toBe('[1,"fork+A",0]');
    expect(path('[0]', 'ArrowRight')).toBeUndefined();
    expect(path('[0]', 'End')).toBe('[3]');
  });
});

describe('orders', () => {
  const tree = read([iff(job), { TYPE: 'Try', try: { instructions: [job] }, catch: { instructions: [] } }]);
  const places = [
    { versionId: '2', position: [1, 'try+0', 0], counts: { Failed: 1 }, sample: ['a'] },
    { versionId: '2', position: [1, 'try+3', 0], counts: { Processing: 2, Failed: 1 }, sample: ['b'] },
    { versionId: '2', position: [0, 'then', 9], counts: { Ready: 1 }, sample: ['c'] },
    { versionId: '1', position: [0], counts: { Ready: 12 }, sample: ['d'] },
  ];
  const s = standing(places, tree, '2');
  it('stand at the same step in every round', () => {
    expect(s.at.get('[1,"try",0]')).toEqual({ counts: { Failed: 2, Processing: 2 }, sample: ['a', 'b'] });
    expect(s.within.get('[1]')).toEqual({ Failed: 2, Processing: 2 });
  });
  it('stand around what is not there', () => {
    expect(s.at.get('[0]')?.counts).toEqual({ Ready: 1 });
  });
  it('of other versions are only counted', () => {
    expect([...s.others]).toEqual([['1', 12]]);
  });
  it('are counted by family, those that failed by themselves', () => {
    expect(chips({ Sleeping: 1, Ready: 2, Processing: 3, Broken: 4, Failed: 5, Scheduled: 6 })).toEqual([
      { status: 'Failed', count: 5 },
      { status: 'Broken', count: 4 },
      { status: 'Processing', count: 5 },
      { status: 'Sleeping', count: 7 },
    ]);
  });
});
