import type { JSONPath } from 'jsonc-parser';
import { countAt, fieldAt, isWithin, namesAt, nodeAt, valueAt, type Document, type Value } from './read';
import { again, CannotEdit, copied, cut, put, renamed, replace, set, wrapped } from './splice';

/** What an edit has made: the text, and the place that is chosen then. */
export interface Edited {
  text: string;
  at?: JSONPath | undefined;
}

/** Instructions that can be put into a workflow, in the order in which they are offered. */
export const kinds = ['Job', 'If', 'Fork', 'Try', 'Retry', 'Sleep', 'Fail', 'Stop', 'Finish', 'Options'] as const;
export type Kind = (typeof kinds)[number];

/** What can be put around a step. */
export const wraps = ['Try', 'Fork', 'If', 'Options'] as const;
export type Wrap = (typeof wraps)[number];

/** Stands for a step in what is written around it. */
const hole = '\u{e000}step';

/** The texts of objects that do nothing yet, by kind. */
export const emptyTexts: Readonly<Record<string, string>> = {
  Workflow: '{\n  "instructions": [],\n  "jobs": {}\n}\n',
  JobResource: '{\n  "variables": {},\n  "env": {}\n}\n',
  AgentRef: '{\n  "uri": "https://"\n}\n',
};

const block = (...steps: unknown[]) => ({ instructions: steps });

function shape(kind: Exclude<Kind, 'Job'>, ...inside: unknown[]): unknown {
  switch (kind) {
    case 'If':
      return { TYPE: 'If', ifThens: [{ predicate: 'true', then: block(...inside) }] };
    case 'Fork':
      return {
        TYPE: 'Fork',
        branches: [
          { id: 'branch-1', workflow: block(...inside) },
          { id: 'branch-2', workflow: block() },
        ],
      };
    case 'Try':
      return {
        TYPE: 'Try',
        maxTries: 3,
        retryDelays: [10, 60],
        try: block(...inside),
        catch: block({ TYPE: 'Retry' }),
      };
    case 'Options':
      return { TYPE: 'Options', stopOnFailure: true, block: block(...inside) };
    case 'Sleep':
      return { TYPE: 'Sleep', duration: '60' };
    case 'Fail':
      return { TYPE: 'Fail', message: "'It failed'" };
    case 'Finish':
      return { TYPE: 'Finish', outcome: { TYPE: 'Succeeded' } };
    default:
      return { TYPE: kind };
  }
}

/** The place of a step: the sequence that it is in, and its number. */
export function placeOfStep(path: JSONPath): { sequence: JSONPath; index: number } {
  const index = path.at(-1);
  if (typeof index !== 'number') throw new CannotEdit('no step');
  return { sequence: path.slice(0, -1), index };
}

/** A sequence, which is made if the block hasn't one. */
function withSequence(doc: Document, sequence: JSONPath): Document {
  return nodeAt(doc, sequence) ? doc : again(set(doc, sequence, []));
}

/** Puts a new step into a sequence. A job is one of the workflow's, or a new one on an Agent. */
export function insert(
  doc: Document,
  sequence: JSONPath,
  index: number,
  what: { kind: Kind; job?: string | undefined; agent?: string | undefined },
): Edited {
  const at = [...sequence, index];
  if (what.kind !== 'Job') {
    const value = shape(what.kind);
    return { text: put(withSequence(doc, sequence), sequence, index, { value }), at };
  }
  let text = doc.text;
  let jobName = what.job;
  if (jobName === undefined) {
    jobName = newName('job', namesAt(doc, ['jobs']));
    const job = { agentPath: what.agent ?? '', executable: { TYPE: 'ShellScriptExecutable', script: '' } };
    text = set(doc, ['jobs', jobName], job);
  }
  const withJob = withSequence(again(text), sequence);
  return { text: put(withJob, sequence, index, { value: { TYPE: 'Execute.Named', jobName } }), at };
}

/** A name that isn't taken: job-1, job-2 ... */
export function newName(stem: string, taken: readonly string[]): string {
  for (let n = 1; ; n++) if (!taken.includes(`${stem}-${n}`)) return `${stem}-${n}`;
}

/** Takes a step out. The step that follows is chosen, else the one before. */
export function remove(doc: Document, path: JSONPath): Edited {
  const { sequence, index } = placeOfStep(path);
  const left = countAt(doc, sequence) - 1;
  const text = cut(doc, path).text;
  return { text, at: left > 0 ? [...sequence, Math.min(index, left - 1)] : sequence.slice(0, -1) };
}

/** Moves a step to a place of the document as it is now. */
export function move(doc: Document, path: JSONPath, sequence: JSONPath, index: number): Edited {
  if (isWithin(sequence, path)) throw new CannotEdit('a step can not go into itself');
  const from = placeOfStep(path);
  const { piece, indent } = copied(doc, path);
  // Taking it out moves up what stands behind it in its sequence.
  const to = [...sequence, index];
  const depth = from.sequence.length;
  const behind = to[depth];
  if (isWithin(to, from.sequence) && typeof behind === 'number' && behind > from.index) to[depth] = behind - 1;
  const left = again(cut(doc, path).text);
  const target = to.slice(0, -1);
  return { text: put(withSequence(left, target), target, Number(to.at(-1)), { piece, indent }), at: to };
}

/** Moves a step by one place in its sequence; undefined where there is no place. */
export function shift(doc: Document, path: JSONPath, by: 1 | -1): Edited | undefined {
  const { sequence, index } = placeOfStep(path);
  const to = index + by;
  if (to < 0 || to >= countAt(doc, sequence)) return undefined;
  return move(doc, path, sequence, by > 0 ? to + 1 : to);
}

/** Puts a copy behind a step. Labels are unique, so the copy's get a number. */
export function duplicate(doc: Document, path: JSONPath): Edited {
  const { sequence, index } = placeOfStep(path);
  const at = [...sequence, index + 1];
  const { piece, indent } = copied(doc, path);
  let next = again(put(doc, sequence, index + 1, { piece: { ...piece, above: [], behind: '' }, indent }));
  for (const label of labelsIn(next, at)) {
    const taken = labelsIn(next, ['instructions']).map((p) => fieldAt(next, p));
    next = again(replace(next, label, { value: newName(fieldAt(next, label), taken) }));
  }
  return { text: next.text, at };
}

/** The places of all labels of steps at a place and in it. */
function labelsIn(doc: Document, path: JSONPath): JSONPath[] {
  const found: JSONPath[] = [];
  visit(valueAt(doc, path), path, (step, at) => {
    if (typeof step['label'] === 'string') found.push([...at, 'label']);
  });
  return found;
}

/** Visits all instructions of a value, from the outside. */
function visit(
  value: Value | undefined,
  at: JSONPath,
  see: (step: { [name: string]: Value }, at: JSONPath) => void,
): void {
  if (Array.isArray(value)) value.forEach((v, i) => visit(v, [...at, i], see));
  else if (typeof value === 'object' && value !== null) {
    if (typeof value['TYPE'] === 'string') see(value, at);
    for (const [name, v] of Object.entries(value)) visit(v, [...at, name], see);
  }
}

/** Puts a block around a step. */
export function wrap(doc: Document, path: JSONPath, as: Wrap): Edited {
  return { text: wrapped(doc, path, shape(as, hole), hole), at: path };
}

/** Where the steps of a block instruction stand, the first lane first. */
function lanes(doc: Document, path: JSONPath): JSONPath[] {
  const step = valueAt(doc, path);
  if (typeof step !== 'object' || step === null || Array.isArray(step)) return [];
  const counted = (field: string, inner: string) =>
    Array.from({ length: countAt(doc, [...path, field]) }, (_, i) => [...path, field, i, inner]);
  switch (step['TYPE']) {
    case 'Try':
      return [[...path, 'try']];
    case 'If':
      return 'ifThens' in step ? counted('ifThens', 'then') : [[...path, 'then']];
    case 'Fork':
      return counted('branches', 'workflow');
    case 'Options':
      return [[...path, 'block']];
    default:
      return [];
  }
}

/** Tells whether a step is a block whose steps can take its place. */
export function canUnwrap(doc: Document, path: JSONPath): boolean {
  const all = lanes(doc, path);
  // Jobs of a block's own would get lost.
  return all.length > 0 && all.every((lane) => !nodeAt(doc, [...lane, 'jobs']));
}

/** Puts the steps of a block in its place: of a Try those tried, of all others lane after lane. */
export function unwrap(doc: Document, path: JSONPath): Edited {
  if (!canUnwrap(doc, path)) throw new CannotEdit('the block has jobs of its own');
  const { sequence, index } = placeOfStep(path);
  let next = doc;
  let at = index + 1;
  for (const lane of lanes(doc, path)) {
    const steps = countAt(doc, [...lane, 'instructions']);
    for (let i = 0; i < steps; i++) {
      const { piece, indent } = copied(doc, [...lane, 'instructions', i]);
      next = again(put(next, sequence, at++, { piece, indent }));
    }
  }
  const text = cut(next, path).text;
  return { text, at: at > index + 1 ? [...sequence, index] : sequence.slice(0, -1) };
}

/** The place at which the job of a step stands; undefined if it isn't there. */
export function jobPathOf(doc: Document, path: JSONPath): JSONPath | undefined {
  if (nodeAt(doc, [...path, 'job'])) return [...path, 'job'];
  const name = fieldAt(doc, [...path, 'jobName']);
  // The jobs of the innermost block that has one of that name.
  for (let at = path.slice(0, -1); ; at = at.slice(0, -1)) {
    const job = [...at, 'jobs', name];
    if (name !== '' && nodeAt(doc, job)) return job;
    if (at.length === 0) return undefined;
  }
}

/** Gives a job another name, and all steps that run it. */
export function renameJob(doc: Document, job: JSONPath, to: string): Edited {
  const scope = job.slice(0, -2);
  const users: JSONPath[] = [];
  visit(valueAt(doc, [...scope, 'instructions']), [...scope, 'instructions'], (step, at) => {
    if (step['TYPE'] !== 'Execute.Named' || step['jobName'] !== job.at(-1)) return;
    if (jobPathOf(doc, at)?.length === job.length) users.push([...at, 'jobName']);
  });
  let next = again(renamed(doc, job, to));
  for (const user of users) next = again(replace(next, user, { value: to }));
  return { text: next.text };
}

/** Tells whether a Retry may stand in a sequence: in a catch block, or in an If or Try in one. */
export function takesRetry(sequence: JSONPath): boolean {
  for (let i = sequence.length - 1; i >= 0; i--) {
    if (sequence[i] === 'catch') return true;
    if (sequence[i] === 'workflow' || sequence[i] === 'block') return false;
  }
  return false;
}

/** Tells whether a step needs a catch block around it: it is a Retry of a Try outside, or has one. */
function needsCatch(step: Value | undefined): boolean {
  if (Array.isArray(step)) return step.some(needsCatch);
  if (typeof step !== 'object' || step === null) return false;
  switch (step['TYPE']) {
    case 'Retry':
      return true;
    case 'If':
      return [step['ifThens'], step['then'], step['else']].some(needsCatch);
    case 'Try':
      return needsCatch(step['try']);
    case undefined:
      return [step['then'], step['instructions']].some(needsCatch);
    default:
      return false;
  }
}

/**
 * Why a new step, or one that is there, can't come to a place: it would stay where it is,
 * would go into itself, or is a Retry outside of a catch block. Undefined if it can.
 */
export function whyNotTo(
  doc: Document,
  what: { kind: Kind } | { path: JSONPath },
  sequence: JSONPath,
  index: number,
): 'same' | 'inside' | 'retry' | undefined {
  if (!('path' in what)) return what.kind === 'Retry' && !takesRetry(sequence) ? 'retry' : undefined;
  const { path } = what;
  if (isWithin(sequence, path)) return 'inside';
  const from = placeOfStep(path);
  const own = from.sequence.length === sequence.length && isWithin(sequence, from.sequence);
  if (own && (index === from.index || index === from.index + 1)) return 'same';
  return needsCatch(valueAt(doc, path)) && !takesRetry(sequence) ? 'retry' : undefined;
}
