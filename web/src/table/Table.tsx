import { defaultRangeExtractor, useVirtualizer, type Range } from '@tanstack/react-virtual';
import { useCallback, useEffect, useRef, useState, type KeyboardEvent, type ReactNode } from 'react';
import { useNarrow } from './narrow';
import './table.css';

/** A column of a table. */
export interface Column<T> {
  id: string;
  title: ReactNode;
  /** A CSS grid track: '2fr', '120px', 'minmax(160px, 3fr)'. */
  width: string;
  number?: boolean;
  /** Not shown on a phone. */
  wide?: boolean;
  /** In the second line of the row on a phone. */
  second?: boolean;
  cell: (row: T) => ReactNode;
}

interface TableProps<T> {
  label: string;
  rows: readonly T[];
  columns: readonly Column<T>[];
  /** What tells a row from another, whatever its place. */
  keyOf: (row: T) => string;
  onOpen?: (row: T) => void;
  /** Keys of chosen rows; without it, rows can't be chosen. */
  chosen?: ReadonlySet<string>;
  onChoose?: (chosen: ReadonlySet<string>) => void;
  chooseLabel?: (row: T) => string;
  /** How many rows there are in all, if these are a part. */
  total?: number;
  onEnd?: () => void;
  /** Height of a row in pixels. */
  rowHeight?: number;
}

/**
 * Table shows rows that may be many: only those in sight are in the document. It is
 * one tab stop; arrows and j/k walk, Enter opens, Space chooses.
 */
export function Table<T>(p: TableProps<T>) {
  const box = useRef<HTMLDivElement>(null);
  const [focused, setFocused] = useState(0);
  const at = Math.min(focused, Math.max(0, p.rows.length - 1));
  const narrow = useNarrow();
  const columns = narrow ? p.columns.filter((c) => !c.wide && !c.second) : p.columns;
  const seconds = narrow ? p.columns.filter((c) => c.second) : [];
  const height = p.rowHeight ?? rowHeight(narrow, seconds.length > 0);
  // The focused row stays in the document wherever one scrolls, or the focus would
  // fall to the page.
  const rangeExtractor = useCallback(
    (range: Range) => {
      const shown = defaultRangeExtractor(range);
      return shown.includes(at) || at >= range.count ? shown : [...shown, at].sort((a, b) => a - b);
    },
    [at],
  );
  // eslint-disable-next-line react-hooks/incompatible-library -- nothing is memoised across it
  const virtual = useVirtualizer({
    count: p.rows.length,
    getScrollElement: () => box.current,
    estimateSize: () => height,
    overscan: 8,
    rangeExtractor,
  });
  // Rows of a page that was made narrow have another height.
  useEffect(() => virtual.measure(), [virtual, height]);
  const items = virtual.getVirtualItems();
  const last = items.at(-1)?.index ?? 0;
  const { onEnd } = p;
  useEffect(() => {
    if (onEnd && p.rows.length > 0 && last >= p.rows.length - 10) onEnd();
  }, [last, onEnd, p.rows.length]);

  const focusRow = (i: number) => {
    const next = Math.max(0, Math.min(p.rows.length - 1, i));
    setFocused(next);
    virtual.scrollToIndex(next);
    requestAnimationFrame(() =>
      box.current?.querySelector<HTMLElement>(`[data-index="${next}"]`)?.focus({ preventScroll: true }),
    );
  };
  const choose = (row: T) => {
    if (!p.onChoose || !p.chosen) return;
    const next = new Set(p.chosen);
    const key = p.keyOf(row);
    if (!next.delete(key)) next.add(key);
    p.onChoose(next);
  };
  const press = (e: KeyboardEvent) => {
    if (e.target instanceof HTMLInputElement && e.key === ' ') return;
    const page = Math.max(1, Math.floor((box.current?.clientHeight ?? height) / height) - 2);
    const moves: Record<string, number> = {
      ArrowDown: at + 1,
      j: at + 1,
      ArrowUp: at - 1,
      k: at - 1,
      PageDown: at + page,
      PageUp: at - page,
      Home: 0,
      End: p.rows.length - 1,
    };
    const row = p.rows[at];
    if (e.key in moves && !e.ctrlKey && !e.metaKey) focusRow(moves[e.key] ?? 0);
    else if (e.key === 'Enter' && row && p.onOpen && !(e.target instanceof HTMLAnchorElement)) p.onOpen(row);
    else if (e.key === ' ' && row) choose(row);
    else if (e.key === 'Escape' && p.chosen?.size) p.onChoose?.(new Set());
    else if ((e.ctrlKey || e.metaKey) && e.key === 'a' && p.onChoose) p.onChoose(new Set(p.rows.map(p.keyOf)));
    else return;
    e.preventDefault();
  };

  // Beside the first column, those of a row with two lines take what they need.
  const widths = columns.map((c, i) => (seconds.length === 0 ? c.width : i === 0 ? 'minmax(0, 1fr)' : 'auto'));
  const tracks = [...(p.onChoose ? ['36px'] : []), ...widths].join(' ');
  return (
    <div
      className={seconds.length > 0 ? 'table two-lines' : 'table'}
      role="table"
      aria-label={p.label}
      aria-rowcount={(p.total ?? p.rows.length) + 1}
      style={{ '--tracks': tracks } as React.CSSProperties}
      onKeyDown={press}
    >
      <div className="table-head" role="rowgroup">
        <div className="table-row" role="row" aria-rowindex={1}>
          {p.onChoose && <span role="columnheader" />}
          {[...columns, ...seconds].map((c) => (
            <span key={c.id} role="columnheader" className={classOf(c)}>
              {c.title}
            </span>
          ))}
        </div>
      </div>
      <div className="table-body" role="rowgroup" ref={box} tabIndex={-1}>
        <div style={{ height: virtual.getTotalSize(), position: 'relative' }} role="presentation">
          {items.map((item) => {
            const row = p.rows[item.index];
            if (row === undefined) return null;
            const key = p.keyOf(row);
            return (
              <div
                key={key}
                className="table-row"
                role="row"
                aria-rowindex={item.index + 2}
                aria-selected={p.chosen?.has(key)}
                data-testid="row"
                data-key={key}
                data-index={item.index}
                tabIndex={item.index === at ? 0 : -1}
                style={{ height, transform: `translateY(${item.start}px)` }}
                onFocus={() => setFocused(item.index)}
                onClick={(e) => {
                  if (e.target instanceof Element && e.target.closest('a, button, input')) return;
                  p.onOpen?.(row);
                }}
              >
                {p.onChoose && (
                  <span role="cell">
                    <input
                      type="checkbox"
                      tabIndex={-1}
                      checked={p.chosen?.has(key) ?? false}
                      aria-label={p.chooseLabel?.(row)}
                      onChange={() => choose(row)}
                    />
                  </span>
                )}
                {columns.map((c) => (
                  <span key={c.id} role="cell" className={classOf(c)}>
                    {c.cell(row)}
                  </span>
                ))}
                {seconds.length > 0 && (
                  <span role="presentation" className="second-line">
                    {seconds.map((c) => (
                      <span key={c.id} role="cell">
                        {c.cell(row)}
                      </span>
                    ))}
                  </span>
                )}
              </div>
            );
          })}
        </div>
      </div>
    </div>
  );
}

function classOf<T>(c: Column<T>): string | undefined {
  return c.number ? 'number' : undefined;
}

function rowHeight(narrow: boolean, twoLines: boolean): number {
  if (narrow) return twoLines ? 64 : 48;
  return document.documentElement.dataset['density'] === 'compact' ? 28 : 36;
}
