import { isDrawn, type Layout } from './layout';
import type { Block, Step } from './tree';

const drawn = (b: Block | undefined) => (b?.steps ?? []).filter(isDrawn);

/** Blocks of a step that are open, and in which something is drawn. */
function open(step: Step, layout: Layout): Block[] {
  if (layout.at.get(step.key)?.shape !== 'block') return [];
  return step.blocks.filter((b) => drawn(b).length > 0);
}

/** Where the arrow keys lead from a step: up and down in the sequence, left and right over the lanes. */
export function walk(from: Step, key: string, layout: Layout): Step | undefined {
  switch (key) {
    case 'ArrowDown':
      return drawn(open(from, layout)[0])[0] ?? behind(from);
    case 'ArrowUp':
      return before(from, layout);
    case 'ArrowLeft':
      return aside(from, -1);
    case 'ArrowRight':
      return aside(from, 1);
    case 'Home':
      return layout.boxes[0]?.step;
    case 'End':
      return layout.boxes.at(-1)?.step;
  }
  return undefined;
}

function behind(step: Step): Step | undefined {
  for (let s: Step | undefined = step; s; s = s.parent?.parent) {
    const all = drawn(s.parent);
    const next = all[all.indexOf(s) + 1];
    if (next) return next;
  }
  return undefined;
}

function before(step: Step, layout: Layout): Step | undefined {
  const all = drawn(step.parent);
  let s = all[all.indexOf(step) - 1];
  if (!s) return step.parent?.parent;
  for (let inner = open(s, layout)[0]; inner; inner = open(s, layout)[0]) {
    const last = drawn(inner).at(-1);
    if (!last) break;
    s = last;
  }
  return s;
}

function aside(step: Step, by: 1 | -1): Step | undefined {
  let nr = drawn(step.parent).indexOf(step);
  for (let block = step.parent; block?.parent; block = block.parent.parent) {
    const lanes = block.parent.blocks;
    for (let i = lanes.indexOf(block) + by; lanes[i]; i += by) {
      const found = drawn(lanes[i]);
      if (found.length > 0) return found[Math.min(nr, found.length - 1)];
    }
    nr = 0;
  }
  return undefined;
}
