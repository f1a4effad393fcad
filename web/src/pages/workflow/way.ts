// The way that one order has come, on the graph of its workflow.

import type { Edge } from '../../graph/layout';
import { keyOf, normal, readPosition, type Position } from '../../graph/position';
import { around, type Block, type Step, type Tree } from '../../graph/tree';

export interface Way {
  /** The step at which the order stands. */
  at: Step | undefined;
  /** Keys of steps that it, or a child of it, has begun, and of the blocks around them. */
  came: ReadonlySet<string>;
}

/** Finds a position's step, or what is around it, as a block is that is drawn as one. */
function stepAt(tree: Tree, position: Position): Step | undefined {
  for (let at = normal(position); at.length > 0; at = at.slice(0, -2)) {
    const step = tree.steps.get(keyOf(at));
    if (step) return step;
  }
  return undefined;
}

/** The way of an order: from the steps that were begun, and where it stands. */
export function wayOf(tree: Tree, position: Position, begun: readonly unknown[]): Way {
  const at = stepAt(tree, position);
  const came = new Set<string>();
  const add = (step: Step | undefined) => {
    if (step) for (const s of [step, ...around(step)]) came.add(s.key);
  };
  add(at);
  for (const p of begun) {
    const read = readPosition(p);
    if (read) add(stepAt(tree, read));
  }
  // What runs nothing leaves no step: what lies before one that was reached was passed.
  for (const key of [...came]) {
    const step = tree.steps.get(key);
    const before = step?.parent?.steps ?? [];
    for (const s of before) {
      if (s === step) break;
      came.add(s.key);
    }
  }
  return { at, came };
}

/** Tells whether the order has come along a line. */
export function isOnWay(way: Way, { block, nr }: Pick<Edge, 'block' | 'nr'>): boolean {
  const to = block.steps[nr];
  if (to && to.type !== 'ImplicitEnd') return way.came.has(to.key);
  // The way out of a block: it was in there, and isn't any more.
  const last = block.steps.findLast((s) => s.type !== 'ImplicitEnd');
  if (last && !way.came.has(last.key)) return false;
  if (to && way.at === to) return true;
  return last !== undefined && way.at !== undefined && !isWithin(way.at, block);
}

function isWithin(step: Step, block: Block): boolean {
  for (let b: Block | undefined = step.parent; b; b = b.parent?.parent) if (b === block) return true;
  return false;
}
