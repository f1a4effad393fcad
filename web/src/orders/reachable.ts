import { normal, passable, type Position } from '../graph/position';
import type { Block, Step, Tree } from '../graph/tree';

/** The part of a position up to its last border. */
function scopeOf(position: Position): string {
  const border = position.findLastIndex((p) => typeof p === 'string' && !passable.test(p));
  return JSON.stringify(normal(position.slice(0, border + 1)));
}

export interface Target {
  step: Step;
  depth: number;
  /** It is behind the last step: nothing more is done. */
  isEnd: boolean;
}

/** The steps at which an order that stands at a position may go on, in the order of the workflow. */
export function reachable(tree: Tree, position: Position): Target[] {
  const scope = scopeOf(position);
  const found: Target[] = [];
  const visit = (block: Block, depth: number) => {
    for (const step of block.steps) {
      const inScope = scopeOf(step.position) === scope;
      const isEnd = step.type === 'ImplicitEnd';
      // The ends of inner blocks lead on to what follows them: one end is enough.
      if (inScope && !(isEnd && depth > 0)) found.push({ step, depth, isEnd });
      for (const b of step.blocks) visit(b, inScope ? depth + 1 : depth);
    }
  };
  visit(tree.root, 0);
  return found;
}
