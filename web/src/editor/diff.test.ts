import { expect, it } from 'vitest';
import { diffLines, withoutHead } from './diff';

const marks = { same: ' ', removed: '-', added: '+' };
const drawn = (a: string, b: string) => diffLines(a, b).map((l) => marks[l.kind] + l.text);

it.each([
  ['', '', []],
  ['a\nb\n', 'a\nb\n', [' a', ' b']],
  ['a\nb\nc', 'a\nc', [' a', '-b', ' c']],
  ['a\nc', 'a\nb\nc', [' a', '+b', ' c']],
  ['a\nx\nc\nd', 'a\ny\nd\ne', [' a', '-x', '-c', '+y', ' d', '+e']],
  ['a\r\nb', 'a\nb', [' a', ' b']],
])('tells lines apart %#', (a, b, want) => {
  expect(drawn(a, b)).toEqual(want);
});

it('numbers the lines of both', () => {
  expect(diffLines('a\nb', 'b')).toEqual([
    { kind: 'removed', text: 'a', old: 1, now: undefined },
    { kind: 'same', text: 'b', old: 2, now: 1 },
  ]);
});

it('does not compare long texts line by line for ever', () => {
  const text = (s: string) => Array.from({ length: 5000 }, (_, i) => `${s}${i}`).join('\n');
  expect(diffLines(text('a'), text('b'))).toHaveLength(10_000);
});

it('leaves out what the server has put at the head', () => {
  const draft = '{\n  "instructions": []\n}\n';
  const deployed = `{"TYPE": "Workflow", "path": "a/b", "versionId": "1",${draft.slice(1)}`;
  expect(withoutHead(deployed, draft)).toBe(draft);
  expect(withoutHead(deployed, '{"TYPE": "Workflow"}')).toContain('{"TYPE": "Workflow",\n');
  expect(withoutHead('a: 1', draft)).toBe('a: 1');
});
