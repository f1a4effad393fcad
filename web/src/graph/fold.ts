import { around, type Step, type Tree } from './tree';

/** Up to so many steps all blocks are open. */
const many = 150;

/**
 * Returns the keys of blocks that begin folded: none while the workflow is small;
 * else the deepest first, until few enough steps are left. Those around the kept steps
 * stay open.
 */
export function foldedAtFirst(tree: Tree, kept: Iterable<string>): Set<string> {
  const folded = new Set<string>();
  let left = tree.steps.size;
  if (left <= many) return folded;
  const open = new Set<string>();
  for (const key of kept) {
    const step = tree.steps.get(key);
    if (step) for (const a of around(step)) open.add(a.key);
  }
  const blocks = [...tree.steps.values()].filter((s) => s.blocks.length > 0 && !open.has(s.key));
  const gone = new Map<string, number>();
  for (const step of blocks.sort((a, b) => b.position.length - a.position.length)) {
    if (left <= many) break;
    folded.add(step.key);
    const inside = count(step);
    left -= inside - (gone.get(step.key) ?? 0);
    for (const a of around(step)) gone.set(a.key, (gone.get(a.key) ?? 0) + inside - (gone.get(step.key) ?? 0));
  }
  return folded;
}

/** All steps in a step's blocks, written or not. */
function count(step: Step): number {
  return step.blocks.reduce((n, b) => b.steps.reduce((m, s) => m + 1 + count(s), n), 0);
}

/** What a person has folded and unfolded: 'all', or keys of steps. */
export interface Folding {
  open: string | undefined;
  fold: string | undefined;
}

/** Reads a list of positions of an address: [2],[3,"then",0]. */
export function keysOf(list: string | undefined): Set<string> {
  if (!list || list === 'all') return new Set();
  try {
    const all: unknown = JSON.parse(`[${list}]`);
    return new Set(Array.isArray(all) ? all.map((p) => JSON.stringify(p)) : []);
  } catch {
    return new Set();
  }
}

/** Tells which blocks are folded: as the person wants it, else as they began. */
export function foldedBy(f: Folding, first: ReadonlySet<string>, seen: ReadonlySet<string>): (step: Step) => boolean {
  const [open, fold] = [keysOf(f.open), keysOf(f.fold)];
  return ({ key }) => {
    if (open.has(key)) return false;
    if (fold.has(key)) return true;
    if (seen.has(key)) return false;
    if (f.open === 'all') return false;
    return f.fold === 'all' || first.has(key);
  };
}

/** Returns the choices with one block turned the other way. */
export function turned(f: Folding, key: string, folded: boolean): Folding {
  const [open, fold] = [keysOf(f.open), keysOf(f.fold)];
  (folded ? fold : open).add(key);
  (folded ? open : fold).delete(key);
  const text = (all: string | undefined, keys: Set<string>) =>
    all === 'all' ? 'all' : [...keys].join(',') || undefined;
  return { open: text(f.open, open), fold: text(f.fold, fold) };
}
