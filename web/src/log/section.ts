import type { Section } from './feed';

/** The outcome of a section in the words of the badges; undefined while it isn't known. */
export function outcomeOf(s: Section): string | undefined {
  if (s.end === undefined) return 'Running';
  const o = s.outcome;
  if (typeof o !== 'object' || o === null || !('TYPE' in o) || typeof o.TYPE !== 'string') return undefined;
  if (o.TYPE === 'Disrupted' && 'reason' in o && isLost(o.reason)) return 'ProcessLost';
  return o.TYPE;
}

function isLost(reason: unknown): boolean {
  return typeof reason === 'object' && reason !== null && 'TYPE' in reason && reason.TYPE === 'ProcessLost';
}

/** The section that has a line; undefined where there is none. */
export function sectionAt(sections: readonly Section[], line: number): Section | undefined {
  let low = 0;
  let high = sections.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const s = sections[middle];
    if (s && s.first + s.lines <= line) low = middle + 1;
    else high = middle;
  }
  return sections[low];
}

/** The sections without lines that stand before the one at an index of lines. */
export function silentBefore(sections: readonly Section[], line: number): Section[] {
  return sections.filter((s) => s.lines === 0 && s.first === line);
}
