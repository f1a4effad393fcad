import type { Box, Layout } from './layout';

/** How the picture lies under the window: moved by x and y, and k times as large. */
export interface View {
  x: number;
  y: number;
  k: number;
}

export interface Size {
  w: number;
  h: number;
}

export interface Rect {
  left: number;
  top: number;
  right: number;
  bottom: number;
}

export const steps = [0.1, 0.15, 0.25, 0.35, 0.5, 0.65, 0.8, 1, 1.25, 1.5, 2] as const;
const least = steps[0];
const most = 2;

export type Zoom = 'far' | 'middle' | 'close';

/** How much is told at a size: rails and counts, names, or all. */
export function zoomOf(k: number): Zoom {
  if (k < 0.45) return 'far';
  return k < 0.9 ? 'middle' : 'close';
}

/** Returns the next greater or smaller of the steps. */
export function stepFrom(k: number, up: boolean): number {
  return (up ? steps.find((s) => s > k + 0.001) : steps.findLast((s) => s < k - 0.001)) ?? (up ? most : least);
}

/** Makes it k times as large around a point of the window, which stays where it is. */
export function zoomAt(view: View, k: number, px: number, py: number): View {
  // Rounded: each size anew makes the browser draw all texts anew.
  const to = Math.min(most, Math.max(least, Math.round(k * 100) / 100));
  return { x: px - ((px - view.x) * to) / view.k, y: py - ((py - view.y) * to) / view.k, k: to };
}

/** Keeps some of the picture in the window. */
export function held(view: View, layout: Layout, size: Size): View {
  const edge = 80;
  const clamp = (v: number, extent: number, window: number) =>
    Math.min(window - edge, Math.max(edge - extent * view.k, v));
  return { x: clamp(view.x, layout.width, size.w), y: clamp(view.y, layout.height, size.h), k: view.k };
}

/** Shows all, but not larger than it is, and not smaller than can be told. */
export function fit(layout: Layout, size: Size): View {
  const k = Math.max(least, Math.min(1, size.w / layout.width, size.h / layout.height));
  return { x: Math.max(0, (size.w - layout.width * k) / 2), y: Math.max(0, (size.h - layout.height * k) / 2), k };
}

/** The point by which a step is brought into the window: of a block, its heading. */
export function anchor(box: Box): { x: number; y: number } {
  return { x: box.x + Math.min(box.w, 320) / 2, y: box.y + Math.min(box.h, 56) / 2 };
}

/** Begins with a step in the window's middle, and high up. */
export function startAt(box: Box | undefined, layout: Layout, size: Size): View {
  if (layout.width <= size.w && layout.height <= size.h) return fit(layout, size);
  if (!box) return { x: 0, y: 0, k: 1 };
  const p = anchor(box);
  const whole = layout.width <= size.w;
  return {
    x: whole ? (size.w - layout.width) / 2 : size.w / 2 - p.x,
    y: box.y < size.h / 2 ? 0 : size.h / 3 - p.y,
    k: 1,
  };
}

/** Moves a step into the window's middle if it isn't in sight. */
export function into(view: View, box: Box, size: Size): View {
  const p = anchor(box);
  const [x, y] = [p.x * view.k + view.x, p.y * view.k + view.y];
  // The first step's heading is nearer to the edge than a line and a half.
  const margin = 40;
  const [inX, inY] = [x > margin && x < size.w - margin, y > margin && y < size.h - margin];
  if (inX && inY) return view;
  return { x: inX ? view.x : size.w / 2 - p.x * view.k, y: inY ? view.y : size.h / 2 - p.y * view.k, k: view.k };
}

/** What of the picture is in the window, in tiles, so that small moves change nothing. */
export function sight(view: View, size: Size): Rect {
  const tile = 256 / view.k;
  const down = (v: number) => (Math.floor(v / tile) - 0.5) * tile;
  const up = (v: number) => (Math.ceil(v / tile) + 0.5) * tile;
  return {
    left: down(-view.x / view.k),
    top: down(-view.y / view.k),
    right: up((size.w - view.x) / view.k),
    bottom: up((size.h - view.y) / view.k),
  };
}

/** Tells whether two rectangles touch. */
export function touches(a: Rect, b: Rect): boolean {
  return a.left <= b.right && b.left <= a.right && a.top <= b.bottom && b.top <= a.bottom;
}

export function rectOf(b: { x: number; y: number; w: number; h: number }): Rect {
  return { left: b.x, top: b.y, right: b.x + b.w, bottom: b.y + b.h };
}
