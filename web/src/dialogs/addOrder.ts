import type { Schemas } from '../api/client';
import { readTree, type Tree } from '../graph/tree';
import { mayBegin, positionOf } from '../graph/position';
import { isDrawn } from '../graph/layout';

export type Workflow = Schemas['Workflow'];
export type Parameter = Schemas['Parameter'];

/** What stands in the fields of the form. */
export interface Fields {
  /** Texts of arguments by name; one that is empty isn't given. */
  arguments: ReadonlyMap<string, string>;
  id: string;
  count: string;
  start: 'now' | 'at';
  /** As a date field has it: 2026-11-22T14:00 or with seconds. */
  at: string;
  zone: string;
  /** Key of the step to begin at; empty for the first. */
  position: string;
  keep: boolean;
  reason: string;
}

export type FieldProblem = 'missing' | 'number' | 'json' | 'time' | 'count';

export interface Filled {
  body: Schemas['AddOrdersRequest'] | undefined;
  /** By field; arguments are "argument NAME". */
  problems: ReadonlyMap<string, FieldProblem>;
}

/** What kind of field a parameter has. */
export function kindOf(p: Parameter): 'text' | 'number' | 'boolean' | 'json' {
  const type: unknown = p.type;
  if (type === 'Number') return 'number';
  if (type === 'Boolean') return 'boolean';
  // Lists and objects say what they are made of.
  return typeof type === 'object' && type !== null ? 'json' : 'text';
}

/** Reads the form: the request, or what is wrong where. The Cockpit reads arguments by their types. */
export function readForm(workflow: Workflow, f: Fields, requestId: string): Filled {
  const problems = new Map<string, FieldProblem>();
  const texts = new Map<string, string>();
  for (const p of workflow.parameters) {
    if (p.final) continue;
    const text = f.arguments.get(p.name) ?? '';
    if (text === '') {
      if (p.required) problems.set(`argument ${p.name}`, 'missing');
      continue;
    }
    const problem = check(kindOf(p), text);
    if (problem) problems.set(`argument ${p.name}`, problem);
    texts.set(p.name, text);
  }
  const count = f.count.trim() === '' ? undefined : Number(f.count);
  if (count !== undefined && !(Number.isInteger(count) && count >= 1 && count <= 100_000))
    problems.set('count', 'count');
  const at = f.start === 'at' ? momentIn(f.at, f.zone) : undefined;
  if (f.start === 'at' && at === undefined) problems.set('at', 'time');
  if (problems.size > 0) return { body: undefined, problems };
  const position = positionOf(f.position);
  const body: Schemas['AddOrdersRequest'] = {
    workflow: workflow.path,
    requestId,
    ...(f.id.trim() && { id: f.id.trim() }),
    ...(count !== undefined && count > 1 && { count }),
    ...(texts.size > 0 && { argumentTexts: Object.fromEntries(texts) }),
    ...(at !== undefined && { scheduledFor: at as unknown as Record<string, never> }),
    ...(f.keep && { keep: true }),
    ...(position && { startPosition: [...position] }),
    ...(f.reason.trim() && { reason: f.reason.trim() }),
  };
  return { body, problems };
}

function check(kind: ReturnType<typeof kindOf>, text: string): FieldProblem | undefined {
  if (kind === 'number') return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text.trim()) ? undefined : 'number';
  if (kind !== 'json') return undefined;
  try {
    JSON.parse(text);
    return undefined;
  } catch {
    return 'json';
  }
}

/** Returns the moment at which a zone's clocks show a time; undefined if they never do. */
export function momentIn(local: string, zone: string): number | undefined {
  const m = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d)(?::(\d\d))?/.exec(local);
  if (!m) return undefined;
  const [y, mo, d, h, mi, s] = m.slice(1).map((x) => Number(x ?? 0)) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const wanted = Date.UTC(y, mo - 1, d, h, mi, s);
  // The earlier of two, where clocks are put back.
  for (const near of [wanted - 86_400_000, wanted + 86_400_000]) {
    const moment = wanted - offsetAt(near, zone);
    if (moment + offsetAt(moment, zone) === wanted) return moment;
  }
  return undefined;
}

/** By how much a zone's clocks are before UTC's, in milliseconds. */
function offsetAt(moment: number, zone: string): number {
  const parts = new Intl.DateTimeFormat('en-US', {
    timeZone: zone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  }).formatToParts(moment);
  const get = (type: string) => Number(parts.find((p) => p.type === type)?.value ?? 0);
  const shown = Date.UTC(get('year'), get('month') - 1, get('day'), get('hour'), get('minute'), get('second'));
  return shown - Math.floor(moment / 1000) * 1000;
}

/** Reads the document, if it can be read. */
export function treeOf(workflow: Workflow): Tree | undefined {
  try {
    return readTree(workflow.document);
  } catch {
    return undefined;
  }
}

/** Steps at which an order can begin, the first left out; not more than a list can show. */
export function beginnings(tree: Tree | undefined): readonly string[] {
  if (!tree) return [];
  const all = [...tree.steps.values()].filter((s) => isDrawn(s) && s.type !== 'ImplicitEnd' && mayBegin(s.position));
  return all.slice(1, 500).map((s) => s.key);
}
