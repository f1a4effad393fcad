import type { Hits } from './feed';

/** Numbers of lines that are kept of what was found. */
const most = 20_000;

/** What was found so far. A new object after every change. */
export interface Found {
  /** Numbers of the first lines that were found, rising. */
  lines: readonly number[];
  count: number;
  /** The last line that was looked at. */
  until: number;
  busy: boolean;
  problem: Error | undefined;
}

export const nothingFound: Found = { lines: [], count: 0, until: 0, busy: false, problem: undefined };

/**
 * Finder looks through a whole log at the server, call by call, and goes on as the
 * log grows.
 */
export class Finder {
  private found = nothingFound;
  private readonly listeners = new Set<() => void>();
  private stop: AbortController | undefined;

  constructor(private readonly look: (from: number, signal: AbortSignal) => Promise<Hits>) {}

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  readonly snapshot = (): Found => this.found;

  /** Looks through the lines up to a number that weren't looked at yet. */
  upTo(total: number): void {
    if (this.found.busy || this.found.problem || this.found.until >= total) return;
    this.stop = new AbortController();
    this.tell({ busy: true });
    void this.run(total, this.stop.signal);
  }

  end(): void {
    this.stop?.abort();
    this.found = { ...this.found, busy: false };
  }

  private async run(total: number, signal: AbortSignal): Promise<void> {
    try {
      while (this.found.until < total) {
        const hits = await this.look(this.found.until + 1, signal);
        if (signal.aborted) return;
        const room = Math.max(0, most - this.found.lines.length);
        this.tell({
          lines: room > 0 ? [...this.found.lines, ...hits.hits.slice(0, room)] : this.found.lines,
          count: this.found.count + hits.count,
          until: Math.max(hits.until, this.found.until + 1),
        });
        if (!hits.next) break;
      }
      this.tell({ busy: false });
    } catch (problem) {
      if (signal.aborted) return;
      this.tell({ busy: false, problem: problem instanceof Error ? problem : new Error(String(problem)) });
    }
  }

  private tell(change: Partial<Found>): void {
    this.found = { ...this.found, ...change };
    this.listeners.forEach((l) => l());
  }
}

/** Returns the index of the first number that is greater than n. */
export function behind(lines: readonly number[], n: number): number {
  let low = 0;
  let high = lines.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((lines[middle] ?? 0) > n) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** Returns the next number behind n, or with back the one before it; at an end it begins anew. */
export function next(lines: readonly number[], n: number, back: boolean): number | undefined {
  const i = behind(lines, back ? n - 1 : n);
  return back ? (lines[i - 1] ?? lines.at(-1)) : (lines[i] ?? lines[0]);
}

/** Returns the next number behind n that isn't of one run of numbers with n. */
export function nextRun(lines: readonly number[], n: number): number | undefined {
  let i = behind(lines, n);
  let last = n;
  while (i < lines.length && lines[i] === last + 1) {
    last++;
    i++;
  }
  return lines[i] ?? lines[0];
}
