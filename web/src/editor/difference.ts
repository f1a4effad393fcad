/** The least change that makes one text the other; undefined if they are the same. */
export function difference(a: string, b: string): { from: number; to: number; insert: string } | undefined {
  if (a === b) return undefined;
  let from = 0;
  while (from < a.length && a[from] === b[from]) from++;
  let end = 0;
  const most = Math.min(a.length, b.length) - from;
  while (end < most && a[a.length - 1 - end] === b[b.length - 1 - end]) end++;
  return { from, to: a.length - end, insert: b.slice(from, b.length - end) };
}
