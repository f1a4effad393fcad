import { useComputedColorScheme } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useEffect, useMemo, useRef, useState, useSyncExternalStore, type KeyboardEvent } from 'react';
import { useTranslation } from 'react-i18next';
import { getSettings } from '../settings/settings';
import { isNarrow } from '../table/narrow';
import { ProblemBox, Skeleton } from '../view/View';
import { Feed } from './feed';
import { Finder, next, nextRun } from './finder';
import { LogBar, type Only, type Query, type Times } from './LogBar';
import { OnlyLines } from './OnlyLines';
import { readRange } from './scroll';
import { sectionAt } from './section';
import { LogWindow, type WindowHandle } from './LogWindow';
import './log.css';

export interface LogViewProps {
  orderId: string;
  /** Only what ran as this task. */
  task?: string;
  /** Lines in the address: "120" or "120-131". */
  line?: string;
  find?: string;
  onAddress(change: { line?: string | undefined; find?: string | undefined }): void;
}

/** The log of an order, or of one run of a step. */
export default function LogView(p: LogViewProps) {
  return <Log key={`${p.orderId} ${p.task ?? ''}`} {...p} />;
}

/** Whether a regular expression can't even be one; the server decides about the others. */
function isBroken(text: string): boolean {
  try {
    new RegExp(text);
    return false;
  } catch {
    // What only RE2 knows: flags within the expression.
    return !text.includes('(?');
  }
}

function Log({ orderId, task, line, find, onAddress }: LogViewProps) {
  const { t } = useTranslation();
  const isDark = useComputedColorScheme() === 'dark';
  const [feed] = useState(() => new Feed(orderId, task));
  const known = useSyncExternalStore(feed.subscribe, feed.snapshot);
  const range = readRange(line);
  const [firstLine] = useState(range?.first);
  useEffect(() => feed.start(firstLine), [feed, firstLine]);
  // An order that has ended may be resumed: then there is more.
  useQuery({
    queryKey: ['order', orderId, 'log', task ?? ''],
    queryFn: () => {
      feed.again();
      return Date.now();
    },
  });

  const [query, setQuery] = useState<Query>({ text: find ?? '', regex: false, case: false });
  const { text, regex } = query;
  const exact = query.case;
  const hits = useFinder(
    useMemo(
      () =>
        text && !(regex && isBroken(text))
          ? new Finder((from, signal) => feed.search({ text, regex, case: exact }, from, signal))
          : undefined,
      [feed, text, regex, exact],
    ),
    known.total,
  );
  const errors = useFinder(
    useMemo(() => new Finder((from, signal) => feed.errors(from, signal)), [feed]),
    known.total,
  );
  const [only, setOnly] = useState<Only>('all');
  const [wrap, setWrap] = useState(isNarrow);
  const [times, setTimes] = useState<Times>(isNarrow() ? 'off' : 'clock');
  // Without a choice of the reader's: at the end of what still grows.
  const [chosenFollow, setFollow] = useState<boolean>();
  const [pausedAt, setPausedAt] = useState(0);
  const follow =
    !known.complete && (chosenFollow ?? (known.open?.reason === 'end' && !range && !find)) && only === 'all';
  // The line at which the reader is: what was found last, or was pointed at.
  const [current, setCurrent] = useState<number>();
  const view = useRef<WindowHandle>(null);
  const root = useRef<HTMLDivElement>(null);

  const pause = () => {
    if (!follow) return;
    setFollow(false);
    setPausedAt(known.total);
  };
  const resume = () => {
    setOnly('all');
    setFollow(true);
    view.current?.toEnd();
  };
  const goTo = (n: number | undefined) => {
    if (n === undefined) return;
    setOnly('all');
    pause();
    setFollow(false);
    setCurrent(n);
    view.current?.goTo(n);
  };
  const here = () => current ?? view.current?.first() ?? 1;
  const nextHit = (back: boolean) => goTo(next(hits.lines, here(), back));
  const nextError = () => goTo(nextRun(errors.lines, current ?? known.open?.line ?? 0));
  const search = (q: Query) => {
    pause();
    setQuery(q);
    if (q.text === '' && only === 'hits') setOnly('all');
    if (q.text !== text) onAddress({ find: q.text || undefined });
  };

  const press = (e: KeyboardEvent) => {
    if ((e.ctrlKey || e.metaKey) && e.key.toLowerCase() === 'f') {
      const field = root.current?.querySelector<HTMLInputElement>('input[type=search]');
      // The second time the browser's own search comes.
      if (field && field !== document.activeElement) {
        e.preventDefault();
        field.focus();
        field.select();
      }
    }
  };
  const actions = {
    e: nextError,
    f: () => (follow ? pause() : resume()),
    n: () => nextHit(false),
    N: () => nextHit(true),
  };
  useSingleKeys(actions);

  if (known.open === undefined && known.problem) return <ProblemBox problem={known.problem} />;
  const failing = known.open?.reason === 'error' ? known.open.line : undefined;
  const section = sectionAt(known.sections, failing ?? known.total);
  const name = section && known.sections.length === 1 ? section.label || section.job || section.task : orderId;
  const label =
    section && known.sections.length === 1
      ? t('log.labelTry', { name, try: section.try })
      : t('log.label', { name: orderId });
  return (
    <div className={wrap ? 'log log-wrapped' : 'log'} ref={root} onKeyDown={press}>
      <LogBar
        query={query}
        onQuery={search}
        hits={hits}
        broken={regex && isBroken(text)}
        position={current === undefined ? 0 : hits.lines.indexOf(current) + 1}
        onHit={nextHit}
        only={only}
        onOnly={(o) => {
          pause();
          setOnly(o);
        }}
        errors={errors.count}
        onError={nextError}
        follow={known.complete ? undefined : follow}
        onFollow={(on) => (on ? resume() : pause())}
        wrap={wrap}
        onWrap={setWrap}
        times={times}
        onTimes={setTimes}
        feed={feed}
        range={range}
        onClear={() => onAddress({ line: undefined })}
        name={orderId}
      />
      {known.open === undefined ? (
        <Skeleton rows={16} />
      ) : only !== 'all' ? (
        <OnlyLines
          feed={feed}
          query={only === 'hits' ? query : undefined}
          total={known.total}
          isDark={isDark}
          label={label}
          onLine={(n) => {
            onAddress({ line: String(n) });
            goTo(n);
          }}
        />
      ) : (
        <LogWindow
          ref={view}
          feed={feed}
          known={known}
          label={label}
          isDark={isDark}
          times={times}
          wrap={wrap}
          find={regex ? undefined : text || undefined}
          exact={exact}
          current={current}
          range={range}
          begin={range?.first ?? known.open.line}
          hits={hits.lines}
          errors={errors.lines}
          failing={failing}
          follow={follow}
          onMoved={(atEnd) => (atEnd && !known.complete ? setFollow(true) : pause())}
          onHeld={pause}
          onLine={(n, extend) => {
            pause();
            setCurrent(n);
            const from = extend && range ? Math.min(range.first, n) : n;
            const to = extend && range ? Math.max(range.first, n) : n;
            onAddress({ line: from === to ? String(n) : `${from}-${to}` });
          }}
        />
      )}
      {!known.complete && !follow && known.open && only === 'all' && (
        <button type="button" className="log-paused" onClick={resume}>
          {known.total > pausedAt && pausedAt > 0
            ? t('log.pausedNew', { count: known.total - pausedAt })
            : t('log.paused')}{' '}
          ↓
        </button>
      )}
      {known.problem && known.open && (
        <p className="problem-line" role="alert">
          {known.problem.message}
        </p>
      )}
      <span role="status" className="hidden-text">
        {known.complete && known.open ? (failing ? t('log.endedWithError', { line: failing }) : t('log.ended')) : ''}
      </span>
    </div>
  );
}

/** What a finder has found; it looks on as the log grows. */
function useFinder(finder: Finder | undefined, total: number) {
  const [none] = useState(() => new Finder(() => Promise.reject(new Error())));
  const f = finder ?? none;
  const found = useSyncExternalStore(f.subscribe, f.snapshot);
  useEffect(() => {
    if (finder && !found.busy) finder.upTo(total);
  }, [finder, total, found.busy]);
  useEffect(() => () => f.end(), [f]);
  return found;
}

/** Single keys of the view, outside of fields and dialogs. */
function useSingleKeys(actions: Record<string, () => void>): void {
  const now = useRef(actions);
  useEffect(() => {
    now.current = actions;
  });
  useEffect(() => {
    const press = (e: globalThis.KeyboardEvent) => {
      if (e.ctrlKey || e.metaKey || e.altKey || !getSettings().singleKeys) return;
      if (e.target instanceof HTMLElement && /^(INPUT|TEXTAREA|SELECT)$/.test(e.target.tagName)) return;
      if (document.querySelector('[role=dialog], [role=alertdialog]')) return;
      const act = Object.hasOwn(now.current, e.key) ? now.current[e.key] : undefined;
      if (!act) return;
      e.preventDefault();
      act();
    };
    window.addEventListener('keydown', press);
    return () => window.removeEventListener('keydown', press);
  }, []);
}
