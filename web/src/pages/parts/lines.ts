import type { Schemas } from '../../api/client';

export type PartLog = Schemas['PartLog'];
type Line = Schemas['PartLogLine'];

/** How many lines a page keeps: as many as a part does. */
export const mostLines = 2000;

/** What a page has of a part's log. */
export interface Kept {
  lines: readonly Line[];
  /** Ids of lines before which some are missing. */
  gaps: readonly number[];
}

/** Adds what came behind the lines that are there; the oldest go. */
export function grown(old: Kept | undefined, log: PartLog): Kept {
  const first = log.lines[0];
  const gap = log.missed && first ? [first.id] : [];
  const lines = [...(old?.lines ?? []), ...log.lines].slice(-mostLines);
  const oldest = lines[0]?.id ?? 0;
  return { lines, gaps: [...(old?.gaps ?? []), ...gap].filter((id) => id >= oldest) };
}

/** The lines that a reader wants to see. */
export function chosen(lines: readonly Line[], level: 'all' | 'warn', text: string): readonly Line[] {
  const low = text.trim().toLowerCase();
  return lines.filter(
    (l) =>
      (level === 'all' || l.level === 'warn' || l.level === 'error') &&
      (low === '' || l.text.toLowerCase().includes(low)),
  );
}
