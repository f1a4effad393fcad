// Where in a log of many lines the window stands. The scrollbar speaks of lines of
// one height; what is shown may be higher (wrapped lines, headings), so the window
// is laid at a line, not at a pixel: at the share p of the scrollbar's way the
// log's share p stands at the window's share p. Both ends are exact.

/** Height of a line in pixels. */
export const lineHeight = 20;

/** Browsers refuse elements that are much higher. */
export const maxRange = 8_000_000;

export interface Extent {
  /** Number of lines. */
  total: number;
  /** Height of the window in pixels. */
  height: number;
  /** How high a line is on the average. */
  row: number;
}

/** How far one can scroll, in pixels of lines. */
export function way({ total, height, row }: Extent): number {
  return Math.max(0, total * row - height);
}

/** How high the element is that is scrolled. */
export function range(e: Extent): number {
  return Math.min(maxRange, e.height + way(e));
}

/** Whether the scrollbar has fewer pixels than the lines. */
export function scaled(e: Extent): boolean {
  return e.height + way(e) > maxRange;
}

/** Turns the browser's scroll position into ours. */
export function fromBrowser(top: number, e: Extent): number {
  const most = range(e) - e.height;
  if (most <= 0) return 0;
  return clamp(scaled(e) ? (top / most) * way(e) : top, e);
}

/** Turns our scroll position into the browser's. */
export function toBrowser(at: number, e: Extent): number {
  return scaled(e) ? (at / way(e)) * (range(e) - e.height) : at;
}

export function clamp(at: number, e: Extent): number {
  return Math.min(Math.max(0, at), way(e));
}

/** The scroll position at which a line (from 1) stands in the upper third. */
export function towards(line: number, e: Extent): number {
  return clamp((line - 1) * e.row - e.height / 3, e);
}

/** What to show: the line at which the window is laid, how far into it, at what height of the window. */
export interface Place {
  /** Line, from 1. */
  line: number;
  /** Share of the line that is above. */
  share: number;
  /** Pixels from the window's top. */
  y: number;
  first: number;
  last: number;
}

export function place(at: number, e: Extent): Place {
  const w = way(e);
  if (w === 0) return { line: 1, share: 0, y: 0, first: 1, last: e.total };
  const p = clamp(at, e) / w;
  const t = Math.min(p * e.total, e.total - 1e-6);
  const line = Math.floor(t) + 1;
  const y = p * e.height;
  const spare = 4;
  return {
    line,
    share: p === 1 ? 1 : t - Math.floor(t),
    y,
    first: Math.max(1, line - Math.ceil(y / lineHeight) - spare),
    last: Math.min(e.total, line + Math.ceil((e.height - y) / lineHeight) + spare),
  };
}

/** Reads "120" or "120-131". */
export function readRange(text: string | undefined): { first: number; last: number } | undefined {
  const m = /^(\d{1,12})(?:-(\d{1,12}))?$/.exec(text ?? '');
  const first = Number(m?.[1]);
  const last = Number(m?.[2] ?? m?.[1]);
  return m && first >= 1 && last >= first ? { first, last } : undefined;
}
