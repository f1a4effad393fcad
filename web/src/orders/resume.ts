// What a person may change when an order is resumed, and what it means for the order.

import type { Schemas } from '../api/client';
import { keyOf, normal, positionOf, type Position } from '../graph/position';
import type { Step, Tree } from '../graph/tree';
import type { Outcome } from '../state/outcome';

/** An order, as far as resuming asks. */
export interface Resumable {
  position: Position;
  arguments: Readonly<Record<string, unknown>>;
  historicOutcomes: readonly { position: unknown[]; outcome: Outcome }[];
}

/** What is to be changed. Texts are by name; results and what is dropped by place in the history. */
export interface Wish {
  /** Key of the step at which the order goes on; empty: where it stands. */
  at: string;
  asSucceeded: boolean;
  arguments: ReadonlyMap<string, string>;
  results: ReadonlyMap<number, ReadonlyMap<string, string>>;
  dropped: ReadonlySet<number>;
}

export const noWish: Wish = {
  at: '',
  asSucceeded: true,
  arguments: new Map(),
  results: new Map(),
  dropped: new Set(),
};

/** A value as a text that a person changes: a text as it is, all else as JSON. */
export function textOf(v: unknown): string {
  return typeof v === 'string' ? v : JSON.stringify(v);
}

/** Reads a changed text as a value of the kind that was there; undefined if it is none. */
function valueOf(text: string, before: unknown): unknown {
  if (typeof before === 'string') return text;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** A row of the history that can be changed or dropped. */
export interface Result {
  nr: number;
  position: unknown[];
  outcome: Outcome;
  /** It is void when the order goes on at the chosen step. */
  void: boolean;
}

// The first round is meant where none is named.
const first = (position: readonly unknown[]) =>
  JSON.stringify(position.map((p) => (typeof p === 'string' ? p.replace(/^(try|catch)\+0$/, '$1') : p)));

/** The results of an order's steps. Of one place the newest only: no other can be changed. */
export function resultsOf(order: Resumable, at: string): Result[] {
  const chosen = positionOf(at);
  const all = order.historicOutcomes;
  const from = chosen ? all.findIndex((h) => first(h.position) === first(chosen)) : -1;
  return all
    .map((h, nr) => ({ ...h, nr, void: from >= 0 && nr >= from }))
    .filter(
      ({ outcome, position, nr }) =>
        outcome.TYPE !== 'Caught' && !all.slice(nr + 1).some((h) => first(h.position) === first(position)),
    );
}

/** The steps that follow one when nothing goes wrong, up to where the order's way ends. Blocks are told as one. */
export function following(tree: Tree, key: string): Step[] {
  const found: Step[] = [];
  for (let step = tree.steps.get(key); step; step = step.parent?.parent) {
    const all = step.parent?.steps ?? [];
    const from = all.indexOf(step) + (found.length > 0 || step.key !== key ? 1 : 0);
    found.push(...all.slice(from).filter((s) => s.type !== 'ImplicitEnd'));
    if (isBorder(step.parent?.kind)) break;
  }
  return found;
}

// Behind a branch, others than this order go on.
const isBorder = (kind: string | undefined) =>
  kind !== undefined && kind !== '' && !/^(then|else|try|catch|cycle|options|admissionTime)$/.test(kind);

export type FieldProblem = 'json';

type Body = Omit<Schemas['ResumeOrdersRequest'], 'ids' | 'reason'>;

export interface Read {
  body: Body | undefined;
  /** By field: "argument NAME", "result NR NAME". */
  problems: ReadonlyMap<string, FieldProblem>;
  /** What is changed, for people: name, before and after. */
  changes: { name: string; nr?: number; before: string; after: string }[];
}

/** Reads what is wished: the request, or what is wrong where. */
export function readWish(order: Resumable, w: Wish): Read {
  const problems = new Map<string, FieldProblem>();
  const changes: Read['changes'] = [];
  const body: Body = {};
  const chosen = positionOf(w.at);
  if (chosen) {
    body.position = [...chosen];
    if (w.asSucceeded) body.asSucceeded = true;
  }
  const [values, texts] = [new Map<string, unknown>(), new Map<string, string>()];
  for (const [name, text] of w.arguments) {
    const has = Object.hasOwn(order.arguments, name);
    const before = has ? order.arguments[name] : '';
    if (text === (has ? textOf(before) : '')) continue;
    changes.push({ name, before: has ? textOf(before) : '', after: text });
    if (!has) {
      texts.set(name, text); // the workflow says how it is read
      continue;
    }
    const value = valueOf(text, before);
    if (value === undefined) problems.set(`argument ${name}`, 'json');
    else values.set(name, value);
  }
  if (values.size > 0) body.arguments = Object.fromEntries(values);
  if (texts.size > 0) body.argumentTexts = Object.fromEntries(texts);
  const operations: unknown[] = [];
  for (const r of resultsOf(order, w.at)) {
    if (r.void) continue;
    if (w.dropped.has(r.nr)) {
      operations.push({ TYPE: 'Delete', position: r.position });
      continue;
    }
    const named = new Map(Object.entries(r.outcome.namedValues ?? {}));
    let changed = false;
    for (const [name, text] of w.results.get(r.nr) ?? []) {
      const before = named.get(name);
      if (text === textOf(before)) continue;
      changes.push({ name, nr: r.nr, before: textOf(before), after: text });
      changed = true;
      const value = valueOf(text, before);
      if (value === undefined) problems.set(`result ${r.nr} ${name}`, 'json');
      else named.set(name, value);
    }
    if (changed) {
      operations.push({
        TYPE: 'Replace',
        position: r.position,
        outcome: { ...r.outcome, namedValues: Object.fromEntries(named) },
      });
    }
  }
  if (operations.length > 0) body.historyOperations = operations;
  return { body: problems.size === 0 ? body : undefined, problems, changes };
}

/** The step at which an order goes on. */
export function goesOnAt(order: Resumable, at: string): string {
  return at || keyOf(normal(order.position));
}
