import { isJob, type Block, type Step } from './tree';

/** Sizes of what is drawn, in pixels at 100 %. */
export const size = {
  job: { w: 240, h: 56 },
  small: { w: 160, h: 32 },
  folded: { w: 240, h: 56 },
  end: { w: 24, h: 24 },
  /** Between a step and the next, where the edge is. */
  gap: 32,
  /** The line with a block's name, and that with a lane's. */
  head: 32,
  lane: 24,
  pad: 16,
  empty: 120,
} as const;

export type Shape = 'job' | 'small' | 'end' | 'folded' | 'block';

/** A step, drawn: of an open block this is the frame around its lanes. */
export interface Box {
  step: Step;
  shape: Shape;
  x: number;
  y: number;
  w: number;
  h: number;
  depth: number;
}

/** The heading of a lane. */
export interface Lane {
  block: Block;
  x: number;
  y: number;
  w: number;
}

/** A line with square turns, into the place nr of a block: where a step can be put, too. */
export interface Edge {
  block: Block;
  nr: number;
  /** Where it ends. */
  x: number;
  y: number;
  d: string;
  dashed: boolean;
  /** What it covers. */
  left: number;
  right: number;
  top: number;
  bottom: number;
}

export interface Layout {
  width: number;
  height: number;
  /** In the order of the document: a block before what is in it. */
  boxes: Box[];
  lanes: Lane[];
  edges: Edge[];
  at: ReadonlyMap<string, Box>;
}

/** What a part takes: its size, and where its line comes in and goes out. */
interface Room {
  w: number;
  h: number;
  spine: number;
}

/** The line isn't further from a part's start than this, lest a wide part push all else aside. */
const farthest = 480;

/**
 * Lays a workflow out: sequences from top to bottom, lanes side by side in the order
 * of the document. Each step is looked at twice, so the time is linear.
 */
export function layOut(root: Block, folded: (step: Step) => boolean): Layout {
  const rooms = new Map<Step | Block, Room>();
  const room = measure(root, folded, rooms);
  const drawn: Layout & { at: Map<string, Box> } = {
    width: room.w + 2 * size.pad,
    height: room.h + 2 * size.pad,
    boxes: [],
    lanes: [],
    edges: [],
    at: new Map(),
  };
  new Pen(rooms, folded, drawn).sequence(root, size.pad + room.spine, size.pad, undefined, 0);
  return drawn;
}

/** Tells whether a step is drawn: the end that nobody has written only where the order ends or waits. */
export function isDrawn(step: Step): boolean {
  return step.type !== 'ImplicitEnd' || step.parent?.kind === '' || step.parent?.kind === 'fork';
}

function shapeOf(step: Step, folded: (step: Step) => boolean): Shape {
  if (step.blocks.length > 0) return folded(step) ? 'folded' : 'block';
  if (isJob(step)) return 'job';
  return step.type === 'End' || step.type === 'ImplicitEnd' ? 'end' : 'small';
}

function measure(block: Block, folded: (step: Step) => boolean, rooms: Map<Step | Block, Room>): Room {
  let [before, behind, h, n] = [0, 0, 0, 0];
  for (const step of block.steps) {
    if (!isDrawn(step)) continue;
    const room = measureStep(step, folded, rooms);
    before = Math.max(before, room.spine);
    behind = Math.max(behind, room.w - room.spine);
    h += room.h + (n++ > 0 ? size.gap : 0);
  }
  const least = size.empty / 2;
  const room = {
    w: Math.max(least, before) + Math.max(least, behind),
    h: Math.max(h, size.gap),
    spine: Math.max(least, before),
  };
  rooms.set(block, room);
  return room;
}

function measureStep(step: Step, folded: (step: Step) => boolean, rooms: Map<Step | Block, Room>): Room {
  const shape = shapeOf(step, folded);
  if (shape !== 'block') {
    const { w, h } = size[shape];
    const room = { w, h, spine: w / 2 };
    rooms.set(step, room);
    return room;
  }
  let w: number = size.pad;
  let h = 0;
  for (const b of step.blocks) {
    const lane = measure(b, folded, rooms);
    w += lane.w + size.pad;
    h = Math.max(h, lane.h);
  }
  w = Math.max(w, size.folded.w);
  const first = rooms.get(step.blocks[0] as Block);
  const spine = step.blocks.length === 1 && first ? (w - first.w) / 2 + first.spine : Math.min(w / 2, farthest);
  const room = { w, h: size.head + headOf(step) + size.gap + h + size.gap, spine };
  rooms.set(step, room);
  return room;
}

/** Lanes have headings where there is more than one, or where they say something. */
const headOf = (step: Step) => (step.blocks.length > 1 || step.blocks[0]?.title ? size.lane : 0);

interface Point {
  x: number;
  y: number;
}

class Pen {
  constructor(
    private readonly rooms: ReadonlyMap<Step | Block, Room>,
    private readonly folded: (step: Step) => boolean,
    private readonly out: Layout & { at: Map<string, Box> },
  ) {}

  /** Draws a sequence whose line is at x, from y on; returns where it ends. */
  sequence(block: Block, x: number, y: number, from: Point | undefined, depth: number, dashed = false): Point {
    let end = from;
    for (const [nr, step] of block.steps.entries()) {
      if (!isDrawn(step)) continue;
      const room = this.rooms.get(step);
      if (!room) continue;
      if (end && end !== from) y = end.y + size.gap;
      if (end) this.edge(block, nr, end, { x, y }, dashed && end === from);
      this.step(step, x - room.spine, y, room, depth);
      end = { x, y: y + room.h };
    }
    return end === from || !end ? { x, y } : end;
  }

  private step(step: Step, x: number, y: number, room: Room, depth: number): void {
    const box: Box = { step, shape: shapeOf(step, this.folded), x, y, w: room.w, h: room.h, depth };
    this.out.boxes.push(box);
    this.out.at.set(step.key, box);
    if (box.shape === 'block') this.lanes(box, room);
  }

  private lanes(box: Box, room: Room): void {
    const { step, y } = box;
    const spine = box.x + room.spine;
    const top = { x: spine, y: y + size.head + headOf(step) };
    const bottom = y + box.h;
    const all = step.blocks.reduce((w, b) => w + (this.rooms.get(b)?.w ?? 0) + size.pad, -size.pad);
    let x = box.x + (box.w - all) / 2;
    for (const block of step.blocks) {
      const lane = this.rooms.get(block);
      if (!lane) continue;
      if (headOf(step)) {
        const alone = step.blocks.length === 1;
        const [left, w] = alone ? [box.x + size.pad, box.w - 2 * size.pad] : [x, lane.w];
        this.out.lanes.push({ block, x: left, y: y + size.head, w });
      }
      const dashed = block.kind === 'catch';
      const from = dashed ? { x: x + lane.spine, y: top.y } : top;
      const end = this.sequence(block, x + lane.spine, top.y + size.gap, from, box.depth + 1, dashed);
      this.edge(
        block,
        block.steps.length,
        end.y === top.y + size.gap ? from : end,
        { x: spine, y: bottom },
        dashed,
        end.x,
      );
      x += lane.w + size.pad;
    }
  }

  /** Draws a line from one point to another; it turns near its start, or near its end if it goes down at via. */
  private edge(block: Block, nr: number, a: Point, b: Point, dashed: boolean, via = b.x): void {
    const turn = via === b.x ? a.y + size.gap / 4 : b.y - size.gap / 4;
    const d =
      a.x === b.x && via === b.x
        ? `M${a.x} ${a.y}V${b.y}`
        : via === b.x
          ? `M${a.x} ${a.y}V${turn}H${b.x}V${b.y}`
          : `M${a.x} ${a.y}V${a.y + size.gap / 4}H${via}V${turn}H${b.x}V${b.y}`;
    const left = Math.min(a.x, b.x, via);
    const right = Math.max(a.x, b.x, via);
    this.out.edges.push({ block, nr, x: b.x, y: b.y, d, dashed, left, right, top: a.y, bottom: b.y });
  }
}
