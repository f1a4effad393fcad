import type { JSONPath } from 'jsonc-parser';
import { useEffect, useRef, useState, type PointerEvent, type RefObject } from 'react';
import { flushSync } from 'react-dom';
import type { Choice, Place } from './choices';

/** What is dragged: something new, or a step that is there. */
export type Load = { name: string; type: string } & ({ choice: Choice } | { path: JSONPath });

/** A drag under way: where the hand is, and the place at which it would drop. */
export interface Drag {
  load: Load;
  x: number;
  y: number;
  /** What a place says of itself, as JSON. */
  over: string | undefined;
}

/** From so many pixels on, a press is a drag and no click. */
const slack = 5;

/** So far from a place, in pixels, the hand is still at it; along the line's breadth, thrice as far. */
const reach = 56;

/** So near to the edge of the window the picture moves, and so far each time. */
const edge = { near: 40, by: 12 };

interface Options {
  pane: RefObject<HTMLElement | null>;
  /** Tells whether something can't be dropped there, and where it is already. */
  onDrop: (load: Load, place: Place) => void;
  /** Moves the picture under the hand. */
  pan: (dx: number, dy: number) => void;
}

/**
 * Lets steps be dragged by mouse or pen to places of the picture. A finger moves the
 * picture instead. Escape gives up.
 */
export function useDrag({ pane, onDrop, pan }: Options) {
  const [drag, setDrag] = useState<Drag>();
  const stop = useRef<() => void>(undefined);
  const latest = useRef({ onDrop, pan });
  useEffect(() => {
    latest.current = { onDrop, pan };
  });
  useEffect(() => () => stop.current?.(), []);

  const grab = (load: Load, e: PointerEvent) => {
    if (e.button !== 0 || e.pointerType === 'touch') return;
    const from = { x: e.clientX, y: e.clientY };
    let now: Drag | undefined;
    let timer: ReturnType<typeof setInterval> | undefined;
    // What is taken near the edge doesn't move the picture before it has been elsewhere.
    let free = false;
    const show = (x: number, y: number) => {
      // The places that take it must be there when the hand lets go, however soon.
      if (!now) flushSync(() => setDrag({ load, x, y, over: undefined }));
      now = { load, x, y, over: nearest(pane.current, x, y)?.dataset['place'] };
      setDrag(now);
    };
    const move = (m: globalThis.PointerEvent) => {
      if (!now && Math.hypot(m.clientX - from.x, m.clientY - from.y) <= slack) return;
      show(m.clientX, m.clientY);
      timer ??= setInterval(() => {
        const [dx, dy] = now ? pull(pane.current, now.x, now.y) : [0, 0];
        free ||= dx === 0 && dy === 0;
        if (!now || !free || (dx === 0 && dy === 0)) return;
        latest.current.pan(dx, dy);
        show(now.x, now.y);
      }, 30);
    };
    const end = () => {
      stop.current = undefined;
      clearInterval(timer);
      window.removeEventListener('pointermove', move);
      window.removeEventListener('pointerup', up);
      window.removeEventListener('pointercancel', end);
      window.removeEventListener('keydown', key, true);
      setDrag(undefined);
    };
    const up = () => {
      const last = now;
      end();
      const found = last?.over === undefined ? undefined : (JSON.parse(last.over) as Place & { not: boolean });
      if (last && found && !found.not) latest.current.onDrop(last.load, found);
    };
    const key = (k: KeyboardEvent) => {
      if (k.key !== 'Escape') return;
      k.stopPropagation();
      end();
    };
    stop.current?.();
    stop.current = end;
    window.addEventListener('pointermove', move);
    window.addEventListener('pointerup', up);
    window.addEventListener('pointercancel', end);
    window.addEventListener('keydown', key, true);
  };
  return { drag, grab };
}

const windowOf = (pane: HTMLElement | null) => pane?.querySelector('.canvas-window')?.getBoundingClientRect();

/** The place next to the hand, if it is over the picture. */
function nearest(pane: HTMLElement | null, x: number, y: number): HTMLElement | undefined {
  const w = windowOf(pane);
  if (!pane || !w || x < w.left || x > w.right || y < w.top || y > w.bottom) return undefined;
  let found: HTMLElement | undefined;
  let least = reach;
  for (const place of pane.querySelectorAll<HTMLElement>('[data-place]')) {
    const r = place.getBoundingClientRect();
    const far = Math.hypot((r.left + r.width / 2 - x) / 3, r.top + r.height / 2 - y);
    if (far < least) [found, least] = [place, far];
  }
  return found;
}

/** How far the picture moves while the hand is at its edge. */
function pull(pane: HTMLElement | null, x: number, y: number): [number, number] {
  const w = windowOf(pane);
  if (!w || x < w.left || x > w.right || y < w.top || y > w.bottom) return [0, 0];
  const one = (v: number, low: number, high: number) =>
    v < low + edge.near ? edge.by : v > high - edge.near ? -edge.by : 0;
  return [one(x, w.left, w.right), one(y, w.top, w.bottom)];
}
