import type { Schemas } from '../api/client';
import { orderLooks, statuses } from '../state/status';
import type { Family } from '../theme/tokens';
import { keyOf, normal, readPosition } from './position';
import { around, type Tree } from './tree';

export type Counts = Readonly<Record<string, number>>;

/** The orders at a step. */
export interface Here {
  counts: Counts;
  /** Some of them. */
  sample: readonly string[];
}

export interface Standing {
  /** Orders of the shown version, by the key of the step they stand at. */
  at: ReadonlyMap<string, Here>;
  /** Orders at a step and in its blocks. */
  within: ReadonlyMap<string, Counts>;
  /** How many orders other versions have. */
  others: ReadonlyMap<string, number>;
}

/** Finds the steps at which orders stand. What isn't in the document is counted at what is around it. */
export function standing(places: readonly Schemas['Place'][], tree: Tree, versionId: string): Standing {
  const at = new Map<string, Here>();
  const within = new Map<string, Counts>();
  const others = new Map<string, number>();
  for (const place of places) {
    if (place.versionId !== versionId) {
      others.set(place.versionId, (others.get(place.versionId) ?? 0) + total(place.counts));
      continue;
    }
    const step = find(place.position, tree);
    if (!step) continue;
    const here = at.get(step.key);
    at.set(step.key, {
      counts: sum(here?.counts, place.counts),
      sample: [...(here?.sample ?? []), ...place.sample],
    });
    for (const s of [step, ...around(step)]) within.set(s.key, sum(within.get(s.key), place.counts));
  }
  return { at, within, others };
}

function find(position: unknown, tree: Tree) {
  let at = readPosition(position);
  for (at = at && normal(at); at && at.length > 0; at = at.slice(0, -2)) {
    const step = tree.steps.get(keyOf(at));
    if (step) return step;
  }
  return undefined;
}

export function sum(a: Counts | undefined, b: Counts): Counts {
  const out = new Map(Object.entries(a ?? {}));
  for (const [status, n] of Object.entries(b)) out.set(status, (out.get(status) ?? 0) + n);
  return Object.fromEntries(out);
}

export function total(counts: Counts): number {
  return Object.values(counts).reduce((a, b) => a + b, 0);
}

/** What is counted as one on a chip: a family, but what needs a person by itself. */
export interface Chip {
  /** The first status in it. */
  status: string;
  count: number;
}

/** Chips in counting order. Each failed status is one of its own, so that none hides in another. */
export function chips(counts: Counts): Chip[] {
  const out: (Chip & { as: string })[] = [];
  for (const status of statuses) {
    const n = counts[status] ?? 0;
    const look = orderLooks[status];
    if (n === 0 || !look) continue;
    const as = look.form === 'filled' || look.family === 'fail' ? status : look.family;
    const same = out.find((c) => c.as === as);
    if (same) same.count += n;
    else out.push({ status, count: n, as });
  }
  return out.map(({ status, count }) => ({ status, count }));
}

/** The family of what is most urgent among orders. */
export function familyOf(counts: Counts | undefined): Family | undefined {
  const status = counts && statuses.find((s) => (counts[s] ?? 0) > 0);
  return status ? orderLooks[status]?.family : undefined;
}

/** Tells whether there is one that failed. */
export function hasFailed(counts: Counts): boolean {
  return familyOf(counts) === 'fail';
}
