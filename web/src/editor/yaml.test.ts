import { expect, it } from 'vitest';
import everything from '../../../internal/workflow/testdata/everything.json?raw';
import * as edit from './document';
import { isRead, valueAt, type Document } from './read';
import { set } from './splice';
import { editYaml, readYaml } from './yaml';

const text = `# What the night does.
instructions:
  # Loads.
  - TYPE: Execute.Named
    jobName: LOAD # nightly
  - {TYPE: Sleep, duration: '60'}

  # The end.
  - TYPE: Stop
jobs:
  LOAD:
    agentPath: agent-1 # the big one
    timeout: 1.50
    big: 12345678901234567890
    executable:
      TYPE: ShellScriptExecutable
      script: |
        echo a
        echo b
`;

const read = (t: string = text): Document => {
  const d = readYaml(t);
  if (!isRead(d)) throw new Error(`${d.why} in line ${d.line}`);
  return d;
};
const change = (f: (d: Document) => string, t = text) => {
  const doc = read(t);
  return editYaml(t, doc.text, f(doc));
};

it('reads a document as the JSON that it stands for', () => {
  expect(valueAt(read(), ['instructions', 1])).toEqual({ TYPE: 'Sleep', duration: '60' });
  expect(read().text).toContain('"timeout": 1.50');
  expect(read().text).toContain('12345678901234567890');
  expect(valueAt(read('a: [.5, +1, ~, yes, "no", 2024-01-01]'), ['a'])).toEqual([
    0.5,
    1,
    null,
    'yes',
    'no',
    '2024-01-01',
  ]);
});

it.each([
  ['a: &x 1\nb: *x', 'YamlMore', 1],
  ['b: !!str 1', 'YamlMore', 1],
  ['a: 0x1F', 'YamlMore', 1],
  ['a: 1\na: 2', 'NameTwice', 2],
  ['a: 1\n---\nb: 2', 'NotYaml', 2],
  ['a: [1', 'NotYaml', 1],
  ['- 1', 'ObjectExpected', 1],
  ['', 'ObjectExpected', 1],
  ['? [a]\n: 1', 'YamlMore', 1],
])('does not read %j', (bad, why, line) => {
  expect(readYaml(bad)).toMatchObject({ why, line });
});

it('changes one value, and nothing else', () => {
  expect(change((d) => set(d, ['jobs', 'LOAD', 'agentPath'], 'agent-2'))).toBe(text.replace('agent-1', 'agent-2'));
  const script = change((d) => set(d, ['jobs', 'LOAD', 'executable', 'script'], 'echo c\necho d\n'));
  expect(script).toBe(text.replace('echo a', 'echo c').replace('echo b', 'echo d'));
  expect(change((d) => set(d, ['jobs', 'LOAD', 'timeout'], undefined))).toBe(text.replace('    timeout: 1.50\n', ''));
});

it('moves a step with its comment, and keeps a renamed job where it is', () => {
  const moved = change((d) => edit.move(d, ['instructions', 0], ['instructions'], 3).text);
  expect(moved.indexOf('jobName: LOAD # nightly')).toBeGreaterThan(moved.indexOf('TYPE: Stop'));
  for (const comment of ['# What the night does.', '# Loads.', '# The end.', '# the big one'])
    expect(moved).toContain(comment);
  const renamed = change((d) => edit.renameJob(d, ['jobs', 'LOAD'], 'FILL').text);
  expect(renamed).toBe(text.replaceAll('LOAD', 'FILL'));
});

it('inserts and wraps steps', () => {
  const made = change((d) => edit.insert(d, ['instructions'], 3, { kind: 'Try' }).text);
  expect(valueAt(read(made), ['instructions', 3])).toMatchObject({ TYPE: 'Try', retryDelays: [10, 60] });
  expect(made).toContain('# nightly');
  const wrapped = change((d) => edit.wrap(d, ['instructions', 0], 'Try').text);
  expect(valueAt(read(wrapped), ['instructions', 0, 'try', 'instructions', 0])).toMatchObject({ jobName: 'LOAD' });
  expect(wrapped).toContain('jobName: LOAD # nightly');
  const first = change((d) => edit.insert(d, ['instructions'], 0, { kind: 'Stop' }).text, 'instructions: []\n');
  expect(first).toBe('instructions:\n  - TYPE: Stop\n');
});

it('says what JSON says, whatever the document', () => {
  const start = 'instructions: []\n';
  const made = editYaml(start, read(start).text, everything);
  expect(JSON.parse(read(made).text)).toEqual(JSON.parse(everything));
});
