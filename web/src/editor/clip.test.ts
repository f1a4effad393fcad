import { expect, it } from 'vitest';
import { clipped, pasted, readClip } from './clip';
import { whyNotTo } from './document';
import { isRead, readDocument, valueAt, type Document } from './read';

const doc = (value: unknown, indent = 2): Document => {
  const d = readDocument(typeof value === 'string' ? value : JSON.stringify(value, null, indent));
  if (!isRead(d)) throw new Error(d.why);
  return d;
};
const run = (jobName: string) => ({ TYPE: 'Execute.Named', jobName });
const from = doc(`{
  "instructions": [
    { "TYPE": "Options", "block": { "instructions": [
      {"TYPE": "Execute.Named", "jobName": "A"}, {"TYPE": "Execute.Named", "jobName": "B"}
    ], "jobs": { "B": {"agentPath": "x"} } } },
    {"TYPE": "Stop"}
  ],
  "jobs": {
    "A": {
      "agentPath": "agent-1", "timeout": 2.50
    },
    "C": {}
  }
}`);

it('takes the jobs of a step along, and not those that the step has itself', () => {
  const clip = clipped(from, ['instructions', 0]);
  expect(clip).toContain('2.50'); // as it was spelled
  const read = readClip(clip);
  expect(read && Object.keys(valueAt(read, ['jobs']) as object)).toEqual(['A']);
  expect(readClip(clipped(from, ['instructions', 1]))).toBeDefined();
});

it.each([['no JSON'], ['{"instructions": []}'], ['[1]'], ['']])('takes %j for no step', (text) => {
  expect(readClip(text)).toBeUndefined();
});

it('puts steps into another workflow, with the jobs that it lacks', () => {
  const clip = readClip(clipped(from, ['instructions', 0]));
  if (!clip) throw new Error('no clip');
  const made = pasted(doc({ instructions: [run('Z')] }), clip, ['instructions'], 1);
  expect(made.at).toEqual(['instructions', 1]);
  expect(JSON.parse(made.text)).toMatchObject({
    instructions: [run('Z'), { TYPE: 'Options' }],
    jobs: { A: { agentPath: 'agent-1', timeout: 2.5 } },
  });
  const own = pasted(doc({ instructions: [], jobs: { A: { agentPath: 'mine' } } }), clip, ['instructions'], 0);
  expect(JSON.parse(own.text)).toMatchObject({ jobs: { A: { agentPath: 'mine' } } });
});

it('says why something can not come to a place', () => {
  const block = (...instructions: unknown[]) => ({ instructions });
  const retry = { TYPE: 'If', ifThens: [{ predicate: 'true', then: block({ TYPE: 'Retry' }) }] };
  const d = doc({
    instructions: [
      { TYPE: 'Try', try: block(run('A')), catch: block(retry) },
      { TYPE: 'Fork', branches: [{ id: 'x', workflow: block() }] },
    ],
  });
  const all = ['instructions'];
  const lane = ['instructions', 0, 'catch', 'instructions'];
  expect(whyNotTo(d, { kind: 'Retry' }, all, 0)).toBe('retry');
  expect(whyNotTo(d, { kind: 'Retry' }, lane, 0)).toBeUndefined();
  expect(whyNotTo(d, { path: [...all, 0] }, all, 0)).toBe('same');
  expect(whyNotTo(d, { path: [...all, 0] }, all, 1)).toBe('same');
  // A Try takes its Retry along; an If leaves the Try that it belongs to.
  expect(whyNotTo(d, { path: [...all, 0] }, all, 2)).toBeUndefined();
  expect(whyNotTo(d, { path: [...lane, 0] }, all, 2)).toBe('retry');
  expect(whyNotTo(d, { path: [...all, 0] }, [...all, 0, 'try', 'instructions'], 0)).toBe('inside');
});
