/** A place in a workflow: numbers of steps, and the ids of the blocks between them. */
export type Position = readonly (string | number)[];

/** Branch ids whose part behind '+' is a counter, and no place in the text. */
const counted = /^(try|catch|cycle)\+/;

/** Returns the place in the workflow's text: without rounds of Try, and of Cycle. */
export function normal(position: Position): Position {
  return position.map((p) => (typeof p === 'string' ? (counted.exec(p)?.[1] ?? p) : p));
}

/** Returns the text by which a position is found: that of its JSON form. */
export function keyOf(position: Position): string {
  return JSON.stringify(position);
}

/** Reads a position of the API or of an address; undefined if it is none. */
export function readPosition(v: unknown): Position | undefined {
  if (!Array.isArray(v) || v.length % 2 === 0 || v.length > 201) return undefined;
  const good = v.every((p, i) =>
    i % 2 === 0 ? Number.isSafeInteger(p) && (p as number) >= 0 : typeof p === 'string' && p !== '',
  );
  return good ? (v as Position) : undefined;
}

/** Reads the text of a position. */
export function positionOf(key: string | undefined): Position | undefined {
  if (!key) return undefined;
  try {
    return readPosition(JSON.parse(key));
  } catch {
    return undefined;
  }
}

/** Returns in which round, from 1, the innermost Try of a position is; 0 outside. */
export function roundOf(position: Position): number {
  const inner = position.findLast((p) => typeof p === 'string' && /^(try|catch)(\+|$)/.test(p));
  if (inner === undefined) return 0;
  return Number(String(inner).split('+')[1] ?? 0) + 1;
}

// A fork, and what holds something for its block, is a border: an order can't be
// moved over it.
export const passable = /^(then|else|try|catch|cycle|options|admissionTime)(\+|$)/;

/** Tells whether an order may begin at a position. */
export function mayBegin(position: Position): boolean {
  return position.every((p) => typeof p === 'number' || passable.test(p));
}
