import { useEffect, useRef, type MouseEvent, type PointerEvent, type RefObject } from 'react';
import { zoomAt, type View } from './view';

type Move = (change: (view: View) => View) => void;

/** From so many pixels on, a press is a drag and no click. */
const slack = 5;

interface Drag {
  /** Where the fingers or the mouse are, in the window. */
  points: Map<number, { x: number; y: number }>;
  far: number;
}

/**
 * Returns what makes an element's picture follow the hand: it is dragged by mouse or
 * finger, two fingers and Ctrl with the wheel zoom, the wheel alone scrolls. What is
 * taken by somebody else doesn't move it.
 */
export function useGestures(
  box: RefObject<HTMLElement | null>,
  move: Move,
  taken: (e: PointerEvent<HTMLElement>) => boolean,
) {
  const drag = useRef<Drag>({ points: new Map(), far: 0 });
  const latest = useRef(move);
  useEffect(() => {
    latest.current = move;
  });
  useEffect(() => {
    const element = box.current;
    if (!element) return;
    const wheel = (e: WheelEvent) => {
      e.preventDefault();
      const unit = e.deltaMode === 1 ? 20 : 1;
      if (e.ctrlKey || e.metaKey) {
        const r = element.getBoundingClientRect();
        const by = Math.exp(-e.deltaY * unit * 0.002);
        latest.current((v) => zoomAt(v, v.k * by, e.clientX - r.left, e.clientY - r.top));
        return;
      }
      const [dx, dy] = e.shiftKey ? [e.deltaY, e.deltaX] : [e.deltaX, e.deltaY];
      latest.current((v) => ({ ...v, x: v.x - dx * unit, y: v.y - dy * unit }));
    };
    // Only so the page can be kept from scrolling.
    element.addEventListener('wheel', wheel, { passive: false });
    return () => element.removeEventListener('wheel', wheel);
  }, [box]);

  const at = (e: PointerEvent<HTMLElement>) => {
    const r = e.currentTarget.getBoundingClientRect();
    return { x: e.clientX - r.left, y: e.clientY - r.top };
  };
  return {
    onPointerDown: (e: PointerEvent<HTMLElement>) => {
      if (e.button !== 0 || taken(e)) return;
      const d = drag.current;
      if (d.points.size === 0) d.far = 0;
      d.points.set(e.pointerId, at(e));
    },
    onPointerMove: (e: PointerEvent<HTMLElement>) => {
      const d = drag.current;
      const from = d.points.get(e.pointerId);
      if (!from) return;
      const to = at(e);
      d.far += Math.abs(to.x - from.x) + Math.abs(to.y - from.y);
      d.points.set(e.pointerId, to);
      if (d.far <= slack) return;
      e.currentTarget.setPointerCapture(e.pointerId);
      const other = [...d.points].find(([id]) => id !== e.pointerId)?.[1];
      if (!other) return move((v) => ({ ...v, x: v.x + to.x - from.x, y: v.y + to.y - from.y }));
      const [was, is] = [from, to].map((p) => Math.hypot(p.x - other.x, p.y - other.y)) as [number, number];
      if (was > 0) move((v) => zoomAt(v, (v.k * is) / was, (to.x + other.x) / 2, (to.y + other.y) / 2));
    },
    onPointerUp: (e: PointerEvent<HTMLElement>) => drag.current.points.delete(e.pointerId),
    onPointerCancel: (e: PointerEvent<HTMLElement>) => drag.current.points.delete(e.pointerId),
    onClickCapture: (e: MouseEvent) => {
      if (drag.current.far > slack) e.stopPropagation();
      drag.current.far = 0;
    },
  };
}
