import {
  useEffect,
  useImperativeHandle,
  useLayoutEffect,
  useMemo,
  useRef,
  useState,
  type KeyboardEvent,
  type Ref,
  type SyntheticEvent,
} from 'react';
import { useTranslation } from 'react-i18next';
import type { Feed, Known } from './feed';
import { LogRow, SectionEnd, SectionHead } from './LogRow';
import type { Times } from './LogBar';
import { clamp, fromBrowser, lineHeight, place, range, scaled, toBrowser, towards, way, type Extent } from './scroll';
import { sectionAt, silentBefore } from './section';

/** What others may ask of the window. */
export interface WindowHandle {
  goTo(line: number): void;
  toEnd(): void;
  /** The first line that is seen. */
  first(): number;
}

interface Props {
  ref: Ref<WindowHandle>;
  feed: Feed;
  known: Known;
  label: string;
  isDark: boolean;
  times: Times;
  wrap: boolean;
  find: string | undefined;
  exact: boolean;
  current: number | undefined;
  range: { first: number; last: number } | undefined;
  /** The line at which the window stands first. */
  begin: number;
  hits: readonly number[];
  errors: readonly number[];
  failing: number | undefined;
  follow: boolean;
  /** The reader has scrolled. */
  onMoved: (atEnd: boolean) => void;
  /** The reader does something with what is shown. */
  onHeld: () => void;
  onLine: (n: number, extend: boolean) => void;
}

/** The window on the lines of a log: only what is seen of them is in the document. */
export function LogWindow({ ref, ...p }: Props) {
  const { t } = useTranslation();
  const { feed, known, follow } = p;
  const box = useRef<HTMLDivElement>(null);
  const lines = useRef<HTMLDivElement>(null);
  const [height, setHeight] = useState(600);
  // How high a line is: more than one, where they are wrapped.
  const [row, setRow] = useState(lineHeight);
  const extent: Extent = { total: known.total, height, row };
  // Where the reader has gone, in lines; undefined: nowhere yet.
  const [moved, setMoved] = useState<number>();
  const at = follow ? way(extent) : clamp(moved === undefined ? towards(p.begin, extent) : moved * row, extent);
  const shown = place(at, extent);
  const set = useRef(0);
  // Until when a scroll that no hand has made is undone: the router puts scroll
  // positions back after a change of address, which are not ours.
  const quiet = useRef(0);
  const hand = useRef(0);

  const go = (to: number) => {
    const next = clamp(to, extent);
    setMoved(next / row);
    return next;
  };
  const move = (by: number) => {
    const next = go(at + by);
    p.onMoved(next >= way(extent) - 2);
  };
  useImperativeHandle(ref, () => ({
    goTo: (n) => setMoved(towards(n, extent) / row),
    toEnd: () => setMoved(way(extent) / row),
    first: () => shown.first,
  }));

  useEffect(() => feed.need(shown.first - 100, shown.last + 100), [feed, shown.first, shown.last, known.version]);

  // The lines are laid so that the one that was chosen for it stands where it should.
  useLayoutEffect(() => {
    const scroller = box.current;
    const content = lines.current;
    if (!scroller || !content) return;
    const anchor = content.querySelector<HTMLElement>(`[data-row="${shown.line}"]`);
    const y = anchor && way(extent) > 0 ? shown.y - anchor.offsetTop - shown.share * anchor.offsetHeight : 0;
    content.style.transform = `translateY(${Math.round(y)}px)`;
    const top = toBrowser(at, extent);
    if (Math.abs(scroller.scrollTop - top) >= 1) scroller.scrollTop = top;
    set.current = scroller.scrollTop;
  });

  const { wrap } = p;
  useEffect(() => {
    const scroller = box.current;
    const content = lines.current;
    if (!scroller || !content) return;
    const observer = new ResizeObserver(() => {
      setHeight(scroller.clientHeight);
      const count = content.querySelectorAll('[data-row]').length;
      if (count === 0) return;
      const mean = Math.max(lineHeight, content.offsetHeight / count);
      const whole = count >= feed.snapshot().total;
      setRow((old) => {
        if (!wrap && !whole) return lineHeight;
        return whole || mean > 1.2 * old || mean < 0.8 * old ? mean : old;
      });
    });
    observer.observe(scroller);
    observer.observe(content);
    return () => observer.disconnect();
  }, [wrap, feed]);

  const { begin, find } = p;
  useEffect(() => {
    quiet.current = performance.now() + 500;
  }, [begin, find, p.range?.last]);
  const touched = (e: SyntheticEvent) => {
    hand.current = e.timeStamp + 1500;
  };
  const scrolled = (e: SyntheticEvent) => {
    const scroller = box.current;
    if (!scroller || Math.abs(scroller.scrollTop - set.current) < 1) return;
    if (e.timeStamp < quiet.current && e.timeStamp > hand.current) {
      scroller.scrollTop = set.current;
      return;
    }
    set.current = scroller.scrollTop;
    const next = fromBrowser(scroller.scrollTop, extent);
    setMoved(next / row);
    p.onMoved(next >= way(extent) - 2);
  };

  // Where the scrollbar has fewer pixels than the lines, a turn of the wheel would
  // go too far.
  const isScaled = scaled(extent);
  const wheel = useRef<(by: number) => void>(undefined);
  useEffect(() => {
    wheel.current = move;
  });
  useEffect(() => {
    const scroller = box.current;
    if (!scroller || !isScaled) return;
    const turn = (e: WheelEvent) => {
      if (e.ctrlKey || Math.abs(e.deltaX) > Math.abs(e.deltaY)) return;
      e.preventDefault();
      wheel.current?.(e.deltaMode === 1 ? e.deltaY * lineHeight : e.deltaY);
    };
    scroller.addEventListener('wheel', turn, { passive: false });
    return () => scroller.removeEventListener('wheel', turn);
  }, [isScaled]);

  // Text that is being selected must not move.
  const { onHeld } = p;
  useEffect(() => {
    const select = () => {
      const s = document.getSelection();
      if (s && !s.isCollapsed && s.anchorNode && lines.current?.contains(s.anchorNode)) onHeld();
    };
    document.addEventListener('selectionchange', select);
    return () => document.removeEventListener('selectionchange', select);
  }, [onHeld]);

  const press = (e: KeyboardEvent) => {
    if (e.target !== e.currentTarget || e.ctrlKey || e.metaKey || e.altKey) return;
    const page = height - 2 * lineHeight;
    const moves: Record<string, number> = {
      ArrowDown: 2 * lineHeight,
      ArrowUp: -2 * lineHeight,
      PageDown: page,
      ' ': e.shiftKey ? -page : page,
      PageUp: -page,
      Home: -Infinity,
      End: Infinity,
    };
    const by = moves[e.key];
    if (by === undefined) return;
    e.preventDefault();
    move(by);
  };

  const many = known.sections.length > 1;
  const rows = [];
  for (let n = shown.first; n <= shown.last; n++) {
    const line = feed.line(n);
    const section = sectionAt(known.sections, n);
    const silent = many && section?.first === n ? silentBefore(known.sections, n) : [];
    rows.push(
      <div key={n} data-row={n}>
        {silent.map((s) => (
          <SectionHead key={s.event} section={s} />
        ))}
        {/* The first one's heading stands above the window already. */}
        {many && n > 1 && section?.first === n && <SectionHead section={section} />}
        {line ? (
          <LogRow
            line={line}
            feed={feed}
            isDark={p.isDark}
            times={p.times}
            since={section?.start ?? line.time}
            find={p.find}
            exact={p.exact}
            look={looks(p, n)}
            firstError={n === p.failing}
            onLine={p.onLine}
          />
        ) : (
          <div className="log-line log-missing" data-line={n}>
            <span className="log-number">{n}</span>
            <span className="log-text">…</span>
          </div>
        )}
        {section && section.first + section.lines - 1 === n && <SectionEnd section={section} />}
        {n === known.total && silentBefore(known.sections, n + 1).map((s) => <SectionHead key={s.event} section={s} />)}
      </div>,
    );
  }
  const top = sectionAt(known.sections, Math.max(1, Math.min(known.total, Math.floor(at / row) + 1)));
  return (
    <div className="log-frame">
      {top && top.lines > 0 && <SectionHead section={top} sticky />}
      <div
        ref={box}
        className="log-scroll"
        role="log"
        aria-label={p.label}
        aria-live="off"
        tabIndex={0}
        onScroll={scrolled}
        onWheel={touched}
        onPointerDown={touched}
        onTouchMove={touched}
        onKeyDown={press}
      >
        <div className="log-range" style={{ height: range(extent) }}>
          <div className="log-sheet" style={{ height }}>
            <div className="log-lines" ref={lines}>
              {rows}
              {known.total === 0 && (
                <>
                  {known.sections.map((s) => (
                    <div key={s.event} data-row={0}>
                      <SectionHead section={s} />
                      <SectionEnd section={s} />
                    </div>
                  ))}
                  {known.sections.length === 0 && (
                    <p className="log-nothing">{t(known.complete ? 'log.empty' : 'log.emptySoFar')}</p>
                  )}
                </>
              )}
            </div>
          </div>
        </div>
      </div>
      <Marks lines={p.errors} total={known.total} kind="error" />
      <Marks lines={p.hits} total={known.total} kind="hit" />
    </div>
  );
}

function looks(p: Omit<Props, 'ref'>, n: number): string {
  const all = [];
  if (p.range && n >= p.range.first && n <= p.range.last) all.push('chosen');
  if (n === p.current) all.push('current');
  if (n === p.failing) all.push('failing');
  return all.join(' ');
}

/** How many places of the scrollbar can have a mark. */
const places = 200;

/** Shows beside the scrollbar where lines of a kind are. */
function Marks({ lines, total, kind }: { lines: readonly number[]; total: number; kind: 'error' | 'hit' }) {
  const marks = useMemo(
    () => [...new Set(lines.map((n) => Math.floor(((n - 0.5) / Math.max(1, total)) * places)))],
    [lines, total],
  );
  return (
    <div className={`log-marks ${kind}`} aria-hidden="true">
      {marks.map((m) => (
        <span key={m} style={{ top: `${(m / places) * 100}%` }} />
      ))}
    </div>
  );
}
