import { describe, expect, it } from 'vitest';
import everything from '../../../internal/workflow/testdata/everything.json?raw';
import { keyOf, mayBegin, normal, positionOf, roundOf } from './position';
import { around, readTree, type Block } from './tree';

/** The steps as lines: position, TYPE and what names them. */
function outline(block: Block): string[] {
  return block.steps.flatMap((s) => [
    [s.key, s.type, s.label || s.jobName, s.job?.agent, s.detail].filter(Boolean).join(' '),
    ...s.blocks.flatMap(outline),
  ]);
}

describe('readTree', () => {
  it('reads every instruction that the engine knows', () => {
    expect(outline(readTree(everything).root)).toMatchInlineSnapshot(`
      [
        "[0] Execute.Named first agent-1",
        "[1] Execute.Anonymous agent-1",
        "[2] If",
        "[2,"then",0] Stop",
        "[2,"then",1] ImplicitEnd",
        "[2,"then+2",0] EmptyInstruction second then",
        "[2,"then+2",1] ImplicitEnd",
        "[2,"else",0] ImplicitEnd",
        "[3] If",
        "[3,"then",0] End",
        "[4] Try",
        "[4,"try",0] Execute.Named INNER agent-3",
        "[4,"try",1] Execute.Named LOAD agent-1",
        "[4,"try",2] ImplicitEnd",
        "[4,"catch",0] If",
        "[4,"catch",0,"then",0] Retry again",
        "[4,"catch",0,"then",1] ImplicitEnd",
        "[4,"catch",1] ImplicitEnd",
        "[5] Fork split",
        "[5,"fork+A/1",0] Finish stop here",
        "[5,"fork+A/1",1] ImplicitEnd",
        "[5,"fork+B",0] Fail 'bad'",
        "[5,"fork+B",1] ImplicitEnd",
        "[6] ForkList $files",
        "[6,"fork",0] Execute.Named in list agent-2",
        "[6,"fork",1] ImplicitEnd",
        "[7] Options true",
        "[7,"options",0] Sleep 30",
        "[7,"options",1] ImplicitEnd",
        "[8] Finish",
        "[9] ImplicitEnd",
      ]
    `);
  });

  it('finds what a block says of itself', () => {
    const tree = readTree(everything);
    expect(tree.timeZone).toBe('Europe/Berlin');
    expect(tree.steps.get('[2]')?.blocks.map((b) => [b.id, b.title])).toEqual([
      ['then', '$returnCode == 0'],
      ['then+2', '$n > 3'],
      ['else', ''],
    ]);
    expect(tree.steps.get('[4]')?.tries).toEqual({ most: '5', delays: ['0', '10', '0.000000001'] });
    expect(tree.steps.get('[5]')?.inside).toBe(2);
    expect(tree.steps.get('[0]')?.job?.script).toBe('#!/bin/sh\necho hi\n');
    const retry = tree.steps.get('[4,"catch",0,"then",0]');
    expect(retry && around(retry).map((s) => s.key)).toEqual(['[4,"catch",0]', '[4]']);
    expect(retry?.path).toEqual(['instructions', 4, 'catch', 'instructions', 0, 'then', 'instructions', 0]);
  });

  it('reads what this version of the engine refuses', () => {
    const block = { instructions: [{ TYPE: 'Prompt', question: "'Go on?'" }] };
    const document = JSON.stringify({
      instructions: [
        { TYPE: 'Lock', demands: [{ lockPath: 'DB', count: 2 }, { lockPath: 'Printer' }], lockedWorkflow: block },
        { TYPE: 'Cycle', cycleWorkflow: { instructions: [{ TYPE: 'Break' }] } },
        { TYPE: 'ConsumeNotices', boardPaths: "'A' && 'B'", subworkflow: block },
        { TYPE: 'Whatever', block },
        {},
        7,
      ],
    });
    expect(outline(readTree(document).root)).toEqual([
      '[0] Lock DB (2), Printer',
      `[0,"lock",0] Prompt 'Go on?'`,
      '[0,"lock",1] ImplicitEnd',
      '[1] Cycle',
      '[1,"cycle",0] Break',
      '[1,"cycle",1] ImplicitEnd',
      `[2] ConsumeNotices 'A' && 'B'`,
      `[2,"consumeNotices",0] Prompt 'Go on?'`,
      '[2,"consumeNotices",1] ImplicitEnd',
      '[3] Whatever',
      '[4]',
      '[5]',
      '[6] ImplicitEnd',
    ]);
  });

  it('takes names as data, whatever they are', () => {
    const tree = readTree(
      '{"__proto__":{"polluted":1},"jobs":{"__proto__":{"agentPath":"a","executable":{"TYPE":"ShellScriptExecutable","script":"x"}}},' +
        '"instructions":[{"TYPE":"Execute.Named","jobName":"__proto__"},{"TYPE":"constructor"},{"TYPE":"Execute.Named","jobName":"toString"}]}',
    );
    expect(tree.steps.get('[0]')?.job?.script).toBe('x');
    expect(tree.steps.get('[1]')?.blocks).toEqual([]);
    expect(tree.steps.get('[2]')?.job?.agent).toBe('');
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });

  it.each(['', '[]', '{', '{"instructions":{}}'])('refuses %s', (document) => {
    expect(() => readTree(document)).toThrow('no instructions');
  });
});

describe('positions', () => {
  it('are the same in every round', () => {
    expect(keyOf(normal([2, 'try+3', 0, 'then+2', 1, 'cycle+end=1,i=2', 0]))).toBe('[2,"try",0,"then+2",1,"cycle",0]');
    expect(normal([0, 'fork+try+1', 4])).toEqual([0, 'fork+try+1', 4]);
    expect(normal([1, 'catch', 0])).toEqual([1, 'catch', 0]);
  });
  it('tell the round', () => {
    expect(roundOf([2, 'try+3', 0])).toBe(4);
    expect(roundOf([2, 'try', 0, 'then', 1])).toBe(1);
    expect(roundOf([2, 'try+1', 0, 'catch+4', 1])).toBe(5);
    expect(roundOf([2])).toBe(0);
  });
  it('are read only if they are some', () => {
    expect(positionOf('[1,"then",0]')).toEqual([1, 'then', 0]);
    for (const bad of [undefined, '', '[]', '[1,"then"]', '["then"]', '[1,2,3]', '[-1]', '[0.5]', '{', '[1,"",0]']) {
      expect(positionOf(bad)).toBeUndefined();
    }
  });
  it('behind a fork are none to begin at', () => {
    expect(mayBegin([1, 'try+0', 0, 'then', 2])).toBe(true);
    expect(mayBegin([1, 'fork+then', 0])).toBe(false);
    expect(mayBegin([1, 'lock', 0])).toBe(false);
  });
});
