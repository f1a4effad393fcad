import { expect, it } from 'vitest';
import de from '../i18n/de.objects.json';
import en from '../i18n/en.objects.json';
import type { Value } from './read';
import { sentencesOf } from './sentences';

const run = (jobName: string, more = {}) => ({ TYPE: 'Execute.Named', jobName, ...more });
const job = (script: string, more = {}) => ({
  agentPath: 'agent-1',
  executable: { TYPE: 'ShellScriptExecutable', script },
  ...more,
});
const block = (...instructions: Value[]) => ({ instructions });
const retry = (maxTries: number, ...steps: Value[]) => ({
  TYPE: 'Try',
  maxTries,
  try: block(...steps),
  catch: block({ TYPE: 'Retry' }),
});
const told = (a: Value, b: Value) =>
  sentencesOf(a, b).map((s) => [s.of, s.key, ...Object.values(s.values).filter((v) => v !== '')].join(' | '));

it.each<[string, Value, Value, string[]]>([
  ['nothing', block(run('A')), { TYPE: 'Workflow', path: 'x', versionId: '1', ...block(run('A')) }, []],
  [
    'a script by its lines',
    { ...block(run('A')), jobs: { A: job('one\ntwo\nthree\nfour') } },
    { ...block(run('A')), jobs: { A: job('one\n2\nthree\n4\nfive') } },
    ['A | script | 3'],
  ],
  [
    'a script that only changed in white space',
    { ...block(), jobs: { A: job('one two') } },
    { ...block(), jobs: { A: job('one  two\n') } },
    ['A | scriptSpace'],
  ],
  ['the number of tries', block(retry(3, run('A'))), block(retry(5, run('A'))), ['Try | changed | maxTries | 3 | 5']],
  ['a step behind another', block(run('A')), block(run('A'), run('notify')), ['notify | stepAddedAfter | notify | A']],
  ['a step before all', block(run('A')), block(run('B'), run('A')), ['B | stepAddedFirst | B']],
  ['a step that went', block(run('A'), run('B')), block(run('A')), ['B | stepRemoved | B']],
  [
    'a step that moved',
    block(run('A'), run('B'), run('C')),
    block(run('B'), run('C'), run('A')),
    ['A | stepMovedAfter | A | C'],
  ],
  ['a step inside of a block', block(retry(3, run('A'))), block(retry(3)), ['A | stepRemoved | A']],
  [
    'a step into a lane',
    block({ TYPE: 'Fork', branches: [{ id: 'x', workflow: block() }] }),
    block({
      TYPE: 'Fork',
      branches: [
        { id: 'x', workflow: block(run('A')) },
        { id: 'y', workflow: block() },
      ],
    }),
    ['A | stepAddedInto | A | Fork, x', 'Fork | laneAdded | Fork | y'],
  ],
  [
    'the environment',
    { ...block(), jobs: { A: job('', { executable: { env: { X: '1', Y: '2' } } }) } },
    { ...block(), jobs: { A: job('', { executable: { env: { Y: '3', Z: '4' } } }) } },
    ['A | envRemoved | X', 'A | envChanged | Y | 2 | 3', 'A | envAdded | Z | 4'],
  ],
  [
    'a condition',
    block({ TYPE: 'If', ifThens: [{ predicate: '$a', then: block() }] }),
    block({ TYPE: 'If', ifThens: [{ predicate: '$b', then: block() }] }),
    ['If | changed | predicate | $a | $b'],
  ],
  [
    'what runs differently first',
    { timeZone: 'UTC', title: 'a', ...block(run('A')) },
    { title: 'b', timeZone: 'Europe/Berlin', ...block(run('A')) },
    [' | changed | timeZone | UTC | Europe/Berlin', ' | changed | title | a | b'],
  ],
  [
    'an Agent',
    { TYPE: 'AgentRef', path: 'a', uri: 'https://a:1' },
    { TYPE: 'AgentRef', path: 'a', uri: 'https://b:1', disabled: true },
    [' | changed | uri | https://a:1 | https://b:1', ' | set | disabled | true'],
  ],
])('tells %s', (_, before, after, want) => {
  expect(told(before, after)).toEqual(want);
});

it('says how far it goes into what is absurd', () => {
  expect(told(null, [1])).toEqual([]);
  const many = block(...Array.from({ length: 500 }, (_, i) => run(`J${i}`)));
  expect(told(block(), many)).toHaveLength(200);
});

it('has a text for every kind of sentence', () => {
  for (const { edit } of [en, de]) {
    for (const what of ['env', 'argument', 'parameter', 'result']) {
      for (const how of ['Added', 'Removed', 'Changed']) expect(edit.said).toHaveProperty(`${what}${how}`);
    }
  }
});

it('tells 2,000 steps apart in less than 2 s', () => {
  const steps = (tail: number) => block(...Array.from({ length: 2000 }, (_, i) => run(`J${(i * 7) % tail}`)));
  const begun = performance.now();
  sentencesOf(steps(1999), steps(2000));
  expect(performance.now() - begun).toBeLessThan(2000);
});
