import { expect, it } from 'vitest';
import everything from '../../../internal/workflow/testdata/everything.json?raw';
import { layOut, size, type Box, type Layout } from './layout';
import { around, readTree } from './tree';

const open = () => false;
const job = (name: string) => ({ TYPE: 'Execute.Named', jobName: name });
const lay = (instructions: unknown[], folded = open) => layOut(readTree(JSON.stringify({ instructions })).root, folded);
const fork = (...branches: unknown[][]) => ({
  TYPE: 'Fork',
  branches: branches.map((instructions, i) => ({ id: `B${i}`, workflow: { instructions } })),
});

function overlap(a: Box, b: Box): boolean {
  return a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h;
}

function inside(a: Box, b: Box): boolean {
  return a.x >= b.x && a.y >= b.y && a.x + a.w <= b.x + b.w && a.y + a.h <= b.y + b.h;
}

/** Boxes don't lie on each other, but a block's frame is around what is in it. */
function checkBoxes(l: Layout): void {
  for (const a of l.boxes) {
    expect(a.x >= 0 && a.y >= 0 && a.x + a.w <= l.width && a.y + a.h <= l.height, a.step.key).toBe(true);
    for (const b of l.boxes) {
      if (a === b) continue;
      if (around(a.step).includes(b.step)) expect(inside(a, b), `${a.step.key} in ${b.step.key}`).toBe(true);
      else if (!around(b.step).includes(a.step)) expect(overlap(a, b), `${a.step.key} on ${b.step.key}`).toBe(false);
    }
  }
}

it('puts a sequence under each other, on one line', () => {
  const l = lay([job('a'), { TYPE: 'Sleep' }, job('b')]);
  expect(l.boxes.map((b) => [b.shape, b.x + b.w / 2, b.y])).toEqual([
    ['job', 136, 16],
    ['small', 136, 16 + 56 + 32],
    ['job', 136, 16 + 56 + 32 + 32 + 32],
    ['end', 136, 16 + 56 + 32 + 32 + 32 + 56 + 32],
  ]);
  expect(l.edges.map((e) => e.d)).toEqual(['M136 72V104', 'M136 136V168', 'M136 224V256']);
});

it('puts branches side by side in the order of the document', () => {
  const l = lay([fork([job('a')], [job('b'), job('c')], [])]);
  checkBoxes(l);
  expect(l.lanes.map((x) => x.block.title)).toEqual(['B0', 'B1', 'B2']);
  const [a, b] = ['[0,"fork+B0",0]', '[0,"fork+B1",0]'].map((k) => l.at.get(k));
  expect(a?.y).toBe(b?.y);
  expect((a?.x ?? 0) + size.job.w < (b?.x ?? 0)).toBe(true);
});

it('lays every instruction out without overlap', () => {
  const tree = readTree(everything);
  const l = layOut(tree.root, open);
  checkBoxes(l);
  expect(l.edges.filter((e) => e.dashed).map((e) => e.block.kind)).toEqual(['catch', 'catch']);
  for (const e of l.edges) expect(e.d).toMatch(/^M[\d.]+ [\d.]+([HV][\d.]+)+$/);
});

it('draws a folded block as one box', () => {
  const l = lay([fork([job('a')], [job('b')]), job('c')], () => true);
  expect(l.boxes.map((b) => b.shape)).toEqual(['folded', 'job', 'end']);
  expect(l.at.get('[0]')?.step.inside).toBe(2);
});

it('does not push the line aside for a wide block', () => {
  const l = lay([job('a'), fork(...Array.from({ length: 60 }, () => [job('b')]))]);
  checkBoxes(l);
  expect(l.at.get('[0]')?.x).toBeLessThan(500);
});

it('lays 2,000 instructions out in less than 25 ms', () => {
  const part = [
    job('a'),
    { TYPE: 'If', predicate: 'true', then: { instructions: [job('b')] } },
    fork([job('c')], [job('d')]),
  ];
  const root = readTree(JSON.stringify({ instructions: Array.from({ length: 340 }, () => part).flat() })).root;
  const times = Array.from({ length: 20 }, () => {
    const from = performance.now();
    expect(layOut(root, open).boxes.length).toBeGreaterThan(2000);
    return performance.now() - from;
  });
  expect(Math.min(...times)).toBeLessThan(25);
});
