import { expect, it } from 'vitest';
import * as edit from './document';
import { begin, record, redo, undo } from './history';
import { fieldAt, isRead, pathOf, pointerOf, readDocument, valueAt, type Document } from './read';
import { again, CannotEdit, cut, put, set, Spelled } from './splice';

const text = `{
  // What is done first.
  "instructions": [
    // Loads.
    { "TYPE": "Execute.Named", "jobName": "LOAD", "label": "load" }, // nightly
    {
      "TYPE": "Sleep",
      "duration": "1.50"   /* odd */
    },
    { "TYPE": "Stop" } // the end
  ],
  "jobs": {
    "LOAD": { "agentPath": "agent-1", "timeout": 1.50, "big": 12345678901234567890 }
  }
}
`;

const doc = (t: string = text): Document => {
  const d = readDocument(t);
  if (!isRead(d)) throw new Error(`${d.why} in line ${d.line}`);
  return d;
};
const step = (n: number) => ['instructions', n];

it.each([
  ['{"a":1,"a":2}', 'NameTwice', 1, 8],
  ['{\n"a": 36OO}', 'InvalidSymbol', 2, 8],
  ['[]', 'ObjectExpected', 1, 1],
  ['', 'ValueExpected', 1, 1],
  ['['.repeat(1_000_000), 'TooDeep', 1, 1],
])('reads nothing of %#', (bad, why, line, column) => {
  expect(readDocument(bad)).toEqual({ why, line, column });
});

it('takes __proto__ as a name', () => {
  const value = valueAt(doc('{"__proto__": {"x": 1}}'), []) as object;
  expect(Object.keys(value)).toEqual(['__proto__']);
  expect(Object.getPrototypeOf(value)).toBeNull();
  expect('x' in value).toBe(false);
});

it('names places by pointers', () => {
  const d = doc('{"a/b": [{"~": 1}], "0": {"1": 2}}');
  expect(pointerOf(['a/b', 0, '~'])).toBe('/a~1b/0/~0');
  expect(pathOf(d, '/a~1b/0/~0')).toEqual(['a/b', 0, '~']);
  expect(pathOf(d, '/0/1')).toEqual(['0', '1']);
});

it('moves a step with its comments, and changes nothing else', () => {
  const moved = edit.move(doc(), step(0), ['instructions'], 3);
  expect(moved.at).toEqual(step(2));
  expect(moved.text).toBe(`{
  // What is done first.
  "instructions": [
    {
      "TYPE": "Sleep",
      "duration": "1.50"   /* odd */
    },
    { "TYPE": "Stop" }, // the end
    // Loads.
    { "TYPE": "Execute.Named", "jobName": "LOAD", "label": "load" } // nightly
  ],
  "jobs": {
    "LOAD": { "agentPath": "agent-1", "timeout": 1.50, "big": 12345678901234567890 }
  }
}
`);
  // And back again.
  expect(edit.move(doc(moved.text), step(2), ['instructions'], 0).text).toBe(text);
});

it('moves the last step away from its place, and down again', () => {
  const up = edit.shift(doc(), step(2), -1);
  expect(up?.at).toEqual(step(1));
  expect(edit.shift(doc(up?.text), step(1), 1)?.text).toBe(text);
  expect(edit.shift(doc(), step(2), 1)).toBeUndefined();
  expect(edit.shift(doc(), step(0), -1)).toBeUndefined();
});

it('removes each step, and puts it where it was', () => {
  for (const n of [0, 1, 2]) {
    const { text: left, piece } = cut(doc(), step(n));
    expect(valueAt(doc(left), ['instructions'])).toHaveLength(2);
    expect(put(doc(left), ['instructions'], n, { piece, indent: '    ' })).toBe(text);
  }
});

it('wraps and unwraps', () => {
  const wrapped = edit.wrap(doc(), step(1), 'Try');
  expect(wrapped.text).toContain(`    {
      "TYPE": "Try",
      "maxTries": 3,
      "retryDelays": [
        10,
        60
      ],
      "try": {
        "instructions": [
          {
            "TYPE": "Sleep",
            "duration": "1.50"   /* odd */
          }
        ]
      },
      "catch": {
        "instructions": [
          {
            "TYPE": "Retry"
          }
        ]
      }
    },
    { "TYPE": "Stop" } // the end
`);
  expect(edit.unwrap(doc(wrapped.text), step(1))).toEqual({ text, at: step(1) });
});

it('takes all lanes out of a Fork', () => {
  const forked = edit.wrap(doc(), step(0), 'Fork').text;
  const lane = [...step(0), 'branches', 1, 'workflow', 'instructions'];
  const both = edit.insert(doc(forked), lane, 0, { kind: 'Fail' });
  expect(fieldAt(doc(both.text), [...(both.at ?? []), 'TYPE'])).toBe('Fail');
  const flat = doc(edit.unwrap(doc(both.text), step(0)).text);
  expect([0, 1, 2, 3].map((n) => fieldAt(flat, [...step(n), 'TYPE']))).toEqual([
    'Execute.Named',
    'Fail',
    'Sleep',
    'Stop',
  ]);
});

it('keeps jobs of a block from getting lost', () => {
  const d = doc('{"instructions":[{"TYPE":"Options","block":{"instructions":[],"jobs":{}}}]}');
  expect(edit.canUnwrap(d, step(0))).toBe(false);
  expect(() => edit.unwrap(d, step(0))).toThrow(CannotEdit);
});

it('moves a step into a block that stands behind it', () => {
  const forked = doc(edit.wrap(doc(), step(2), 'Fork').text);
  const lane = [...step(2), 'branches', 1, 'workflow', 'instructions'];
  const moved = edit.move(forked, step(0), lane, 0);
  expect(moved.at).toEqual(['instructions', 1, 'branches', 1, 'workflow', 'instructions', 0]);
  expect(fieldAt(doc(moved.text), [...(moved.at ?? []), 'jobName'])).toBe('LOAD');
  expect(() => edit.move(forked, step(2), lane, 0)).toThrow(CannotEdit);
});

it('adds a job with its step, first of all to an empty workflow', () => {
  const one = edit.insert(doc(edit.emptyTexts['Workflow'] ?? ''), ['instructions'], 0, {
    kind: 'Job',
    agent: 'agent-1',
  });
  const two = edit.insert(doc(one.text), ['instructions'], 1, { kind: 'Job', agent: 'agent-1' });
  const again = edit.insert(doc(two.text), ['instructions'], 2, { kind: 'Job', job: 'job-1' });
  expect(again.text).toBe(`{
  "instructions": [
    {
      "TYPE": "Execute.Named",
      "jobName": "job-1"
    },
    {
      "TYPE": "Execute.Named",
      "jobName": "job-2"
    },
    {
      "TYPE": "Execute.Named",
      "jobName": "job-1"
    }
  ],
  "jobs": {
    "job-1": {
      "agentPath": "agent-1",
      "executable": {
        "TYPE": "ShellScriptExecutable",
        "script": ""
      }
    },
    "job-2": {
      "agentPath": "agent-1",
      "executable": {
        "TYPE": "ShellScriptExecutable",
        "script": ""
      }
    }
  }
}
`);
});

it('makes a sequence and jobs where there are none', () => {
  const d = doc('{}');
  expect(edit.insert(d, ['instructions'], 0, { kind: 'Job' }).text).toBe(
    '{"jobs":{"job-1":{"agentPath":"","executable":{"TYPE":"ShellScriptExecutable","script":""}}}, "instructions":[{"TYPE":"Execute.Named","jobName":"job-1"}]}',
  );
});

it('duplicates with a label of its own', () => {
  const twice = edit.duplicate(doc(), step(0));
  expect(twice.at).toEqual(step(1));
  expect(twice.text).toContain(
    `    { "TYPE": "Execute.Named", "jobName": "LOAD", "label": "load" }, // nightly
    { "TYPE": "Execute.Named", "jobName": "LOAD", "label": "load-1" },
`,
  );
});

it('sets values at places, and takes them away', () => {
  const d = doc();
  const timeout = ['jobs', 'LOAD', 'timeout'];
  expect(set(d, timeout, new Spelled('3600'))).toBe(text.replace('"timeout": 1.50', '"timeout": 3600'));
  expect(set(d, timeout, undefined)).toBe(text.replace(' "timeout": 1.50,', ''));
  expect(set(d, ['jobs', 'LOAD', 'big'], undefined)).toBe(text.replace(', "big": 12345678901234567890', ''));
  const env = ['jobs', 'LOAD', 'executable', 'env', 'WHO'];
  expect(fieldAt(doc(set(d, env, '$who')), env)).toBe('$who');
  expect(set(doc('{"a":1}'), ['a'], undefined)).toBe('{}');
  expect(set(d, ['x'], undefined)).toBe(text);
});

it('keeps tabs and line ends', () => {
  const windows = '{\r\n\t"instructions": [\r\n\t\t{ "TYPE": "Stop" }\r\n\t]\r\n}\r\n';
  const more = edit.insert(doc(windows), ['instructions'], 0, { kind: 'Retry' }).text;
  expect(more).toBe(
    '{\r\n\t"instructions": [\r\n\t\t{\r\n\t\t\t"TYPE": "Retry"\r\n\t\t},\r\n\t\t{ "TYPE": "Stop" }\r\n\t]\r\n}\r\n',
  );
  expect(cut(doc(more), step(0)).text).toBe(windows);
  expect(cut(doc(windows), step(0)).text).toBe('{\r\n\t"instructions": []\r\n}\r\n');
});

it('edits what stands on one line', () => {
  const line = '{"instructions":[{"TYPE":"Stop"},{"TYPE":"Retry"}]}';
  const d = doc(line);
  expect(edit.move(d, step(0), ['instructions'], 2).text).toBe('{"instructions":[{"TYPE":"Retry"}, {"TYPE":"Stop"}]}');
  expect(edit.remove(d, step(1))).toEqual({ text: '{"instructions":[{"TYPE":"Stop"}]}', at: step(0) });
  expect(edit.wrap(doc('{"instructions":[{"TYPE":"Stop"}]}'), step(0), 'If').text).toBe(
    '{"instructions":[{"TYPE":"If","ifThens":[{"predicate":"true","then":{"instructions":[{"TYPE":"Stop"}]}}]}]}',
  );
});

it('renames a job with all steps that run it, but not one of the same name further inside', () => {
  const d = doc(
    JSON.stringify({
      instructions: [
        { TYPE: 'Execute.Named', jobName: 'A' },
        {
          TYPE: 'Try',
          try: { instructions: [{ TYPE: 'Execute.Named', jobName: 'A' }] },
          catch: { instructions: [{ TYPE: 'Execute.Named', jobName: 'A' }], jobs: { A: {} } },
        },
      ],
      jobs: { A: {}, B: {} },
    }),
  );
  const { text: after } = edit.renameJob(d, ['jobs', 'A'], 'C "1"');
  expect(valueAt(doc(after), [])).toEqual(
    JSON.parse(
      JSON.stringify(valueAt(d, []))
        .replaceAll('"A"', '"C \\"1\\""')
        .replace(
          '"catch":{"instructions":[{"TYPE":"Execute.Named","jobName":"C \\"1\\""}],"jobs":{"C \\"1\\""',
          '"catch":{"instructions":[{"TYPE":"Execute.Named","jobName":"A"}],"jobs":{"A"',
        ),
    ),
  );
  const inner = ['instructions', 1, 'catch', 'instructions', 0];
  expect(edit.jobPathOf(d, inner)).toEqual(['instructions', 1, 'catch', 'jobs', 'A']);
});

it('knows where a Retry may stand', () => {
  expect(edit.takesRetry(['instructions', 0, 'catch', 'instructions'])).toBe(true);
  expect(edit.takesRetry(['instructions', 0, 'catch', 'instructions', 0, 'then', 'instructions'])).toBe(true);
  expect(edit.takesRetry(['instructions', 0, 'catch', 'instructions', 0, 'branches', 0, 'workflow'])).toBe(false);
  expect(edit.takesRetry(['instructions'])).toBe(false);
});

it('edits 2,000 steps quickly enough to type', () => {
  const many = JSON.stringify(
    { instructions: Array.from({ length: 2000 }, (_, i) => ({ TYPE: 'Sleep', duration: String(i) })) },
    null,
    2,
  );
  const moved = edit.move(again(many), step(1999), ['instructions'], 0);
  expect(fieldAt(doc(moved.text), [...step(0), 'duration'])).toBe('1999');
});

it('undoes by intention, typing as one', () => {
  let h = begin('a');
  h = record(h, 'ab', { what: 'typed', of: 'code' }, 1000);
  h = record(h, 'abc', { what: 'typed', of: 'code' }, 1500);
  h = record(h, 'abc', { what: 'moved' }, 1600);
  h = record(h, 'b', { what: 'moved', name: 'LOAD' }, 1700);
  expect(h.now.by).toEqual({ what: 'moved', name: 'LOAD' });
  h = undo(h);
  expect(h.now.text).toBe('abc');
  h = undo(h);
  expect(h.now.text).toBe('a');
  expect(undo(h)).toBe(h);
  h = redo(redo(h));
  expect(h.now.text).toBe('b');
  expect(redo(h)).toBe(h);
  expect(record(undo(h), 'x', { what: 'typed', of: 'code' }, 1800).past).toHaveLength(2);
});
