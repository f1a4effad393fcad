import { isRead, nodeAt, readDocument } from './read';
import { again, cut } from './splice';

/** A line of two texts: in both, or only in the old one, or only in the new one. */
export interface DiffLine {
  kind: 'same' | 'removed' | 'added';
  text: string;
  /** Numbers in the old text and in the new one, from 1. */
  old: number | undefined;
  now: number | undefined;
}

/** Compares at most so many pairs of lines; longer texts are told apart as blocks. */
const most = 4_000_000;

/** Tells two texts apart line by line, by the longest common sequence of lines. */
export function diffLines(before: string, after: string): DiffLine[] {
  const [a, b] = [lines(before), lines(after)];
  let head = 0;
  while (head < a.length && head < b.length && a[head] === b[head]) head++;
  let tail = 0;
  while (tail < a.length - head && tail < b.length - head && a[a.length - 1 - tail] === b[b.length - 1 - tail]) tail++;
  const [x, y] = [a.slice(head, a.length - tail), b.slice(head, b.length - tail)];
  const out: DiffLine[] = [];
  let [old, now] = [0, 0];
  const add = (kind: DiffLine['kind'], text: string) =>
    out.push({
      kind,
      text,
      old: kind === 'added' ? undefined : ++old,
      now: kind === 'removed' ? undefined : ++now,
    });
  a.slice(0, head).forEach((l) => add('same', l));
  if (x.length * y.length > most) {
    x.forEach((l) => add('removed', l));
    y.forEach((l) => add('added', l));
  } else middle(x, y, add);
  a.slice(a.length - tail).forEach((l) => add('same', l));
  return out;
}

function lines(text: string): string[] {
  const all = text.split(/\r?\n/);
  if (all.at(-1) === '') all.pop();
  return all;
}

function middle(x: string[], y: string[], add: (kind: DiffLine['kind'], text: string) => unknown): void {
  const width = y.length + 1;
  // common[i * width + j]: lines in common of what is left from i and j on.
  const common = new Uint32Array((x.length + 1) * width);
  const at = (i: number, j: number) => common[i * width + j] ?? 0;
  for (let i = x.length - 1; i >= 0; i--) {
    for (let j = y.length - 1; j >= 0; j--) {
      common[i * width + j] = x[i] === y[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
    }
  }
  let [i, j] = [0, 0];
  while (i < x.length || j < y.length) {
    const [old, now] = [x[i], y[j]];
    if (old !== undefined && old === now) {
      add('same', old);
      i++;
      j++;
    } else if (now === undefined || (old !== undefined && at(i + 1, j) >= at(i, j + 1))) {
      add('removed', old ?? '');
      i++;
    } else {
      add('added', now);
      j++;
    }
  }
}

/**
 * Takes out of a deployed document what the server has put at its head, and what an
 * author doesn't write: it would be a difference of every draft.
 */
export function withoutHead(deployed: string, draft: string): string {
  const [has, wants] = [readDocument(deployed), readDocument(draft)];
  if (!isRead(has) || !isRead(wants)) return deployed;
  let doc = has;
  for (const field of ['TYPE', 'path', 'versionId']) {
    if (nodeAt(doc, [field]) && !nodeAt(wants, [field])) doc = again(cut(doc, [field]).text);
  }
  return doc.text;
}
