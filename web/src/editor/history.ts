/** What an edit was meant to do: a sentence of the message files with its names. */
export interface Intention {
  what: string;
  name?: string | undefined;
  /** Edits of one thing that follow each other closely are one: typing. */
  of?: string | undefined;
}

export type Format = 'json' | 'yaml';

interface State {
  text: string;
  format: Format;
  /** By which edit it came, and when. */
  by: Intention | undefined;
  at: number;
}

/** All texts of a draft since it was opened, for undo and redo over all panes. */
export interface History {
  past: readonly State[];
  now: State;
  future: readonly State[];
}

/** Typing that pauses no longer than this is one edit, in milliseconds. */
const pause = 1000;

/** So many edits can be undone. */
const most = 300;

export function begin(text: string, format: Format = 'json'): History {
  return { past: [], now: { text, format, by: undefined, at: 0 }, future: [] };
}

/** Notes an edit. One that changes nothing isn't noted. */
export function record(h: History, text: string, by: Intention, at: number, format = h.now.format): History {
  if (text === h.now.text && format === h.now.format) return h;
  const now = { text, format, by, at };
  const same = by.of !== undefined && h.now.by?.of === by.of && at - h.now.at <= pause && h.future.length === 0;
  return { past: same ? h.past : [...h.past, h.now].slice(-most), now, future: [] };
}

export function undo(h: History): History {
  const before = h.past.at(-1);
  if (!before) return h;
  return { past: h.past.slice(0, -1), now: before, future: [h.now, ...h.future] };
}

export function redo(h: History): History {
  const [next, ...future] = h.future;
  if (!next) return h;
  return { past: [...h.past, h.now], now: next, future };
}
