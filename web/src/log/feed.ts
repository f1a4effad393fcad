import { api, Problem, take, type Schemas } from '../api/client';

export type Line = Schemas['NumberedLine'];
export type Section = Schemas['LogSection'];
export type Hits = Schemas['LogHits'];

/** Lines are loaded in blocks of so many, and so many blocks are kept. */
export const blockSize = 500;
export const keptBlocks = 10;

/** How long a call waits for more of a log that grows, and the least time between two, in milliseconds. */
const waitTime = 25_000;
const pace = 150;

/** What is known of a log. A new object after every change. */
export interface Known {
  total: number;
  complete: boolean;
  more: boolean;
  sections: readonly Section[];
  /** Where to begin; undefined until the first answer. */
  open: Schemas['LogOpening'] | undefined;
  problem: Error | undefined;
  /** Rises with every change of lines. */
  version: number;
}

const nothing: Known = {
  total: 0,
  complete: false,
  more: false,
  sections: [],
  open: undefined,
  problem: undefined,
  version: 0,
};

/**
 * Feed loads the lines of a log that are looked at, and while the log grows waits
 * for more. It keeps at most ten blocks of 500 lines.
 */
export class Feed {
  private known = nothing;
  private seen = '';
  private readonly blocks = new Map<number, Map<number, Line>>();
  private readonly asked = new Map<number, AbortController>();
  private readonly listeners = new Set<() => void>();
  private running: AbortController | undefined;
  private at = 1;
  private busy = false;

  constructor(
    private readonly order: string,
    private readonly task: string | undefined,
  ) {}

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  readonly snapshot = (): Known => this.known;

  line(n: number): Line | undefined {
    return this.blocks.get(blockOf(n))?.get(n);
  }

  /** Begins at a line, or where the log itself says. Ends with what it returns. */
  start(line: number | undefined): () => void {
    const stop = new AbortController();
    this.running = stop;
    void this.run(line, stop.signal, true);
    return () => {
      stop.abort();
      this.asked.forEach((c) => c.abort());
      this.asked.clear();
    };
  }

  /** Asks for more of a log that had ended. */
  again(): void {
    if (!this.running || this.running.signal.aborted || this.busy || this.known.open === undefined) return;
    void this.run(undefined, this.running.signal, false);
  }

  /** Loads what is missing of the lines from first to last. */
  need(first: number, last: number): void {
    this.at = Math.floor((first + last) / 2);
    if (this.known.total === 0 || !this.running || this.running.signal.aborted) return;
    const from = blockOf(Math.max(1, first));
    const to = blockOf(Math.min(last, this.known.total));
    // What is looked for elsewhere by now isn't waited for.
    for (const [b, c] of this.asked) {
      if (b < from - 1 || b > to + 1) {
        c.abort();
        this.asked.delete(b);
      }
    }
    for (let b = from; b <= to; b++) {
      if (!this.asked.has(b) && !this.isWhole(b)) void this.load(b);
    }
  }

  async search(q: { text: string; regex: boolean; case: boolean }, from: number, signal: AbortSignal): Promise<Hits> {
    return take(
      api.GET('/orders/{id}/log/search', {
        params: {
          path: { id: this.order },
          query: { ...this.which(), q: q.text, regex: q.regex, case: q.case, from, limit: 10_000 },
        },
        signal,
      }),
    );
  }

  async found(
    q: { text: string; regex: boolean; case: boolean } | undefined,
    from: number,
    signal: AbortSignal,
  ): Promise<Hits> {
    const query = { ...this.which(), from, limit: 500, text: true };
    const params = { path: { id: this.order } };
    if (!q) return take(api.GET('/orders/{id}/log/errors', { params: { ...params, query }, signal }));
    return take(
      api.GET('/orders/{id}/log/search', {
        params: { ...params, query: { ...query, q: q.text, regex: q.regex, case: q.case } },
        signal,
      }),
    );
  }

  async errors(from: number, signal: AbortSignal): Promise<Hits> {
    const params = { path: { id: this.order }, query: { ...this.which(), from, limit: 2000 } };
    return take(api.GET('/orders/{id}/log/errors', { params, signal }));
  }

  async read(from: number, lines: number, full: boolean, signal?: AbortSignal): Promise<Line[]> {
    const answer = await take(
      api.GET('/orders/{id}/log/lines', {
        params: { path: { id: this.order }, query: { ...this.which(), from, lines, full } },
        ...(signal ? { signal } : {}),
      }),
    );
    return answer.lines;
  }

  /** Where the log is as plain text. */
  textAddress(): string {
    const task = this.task ? `?task=${encodeURIComponent(this.task)}` : '';
    return `/api/v1/orders/${encodeURIComponent(this.order)}/log${task}`;
  }

  private which(): { task?: string } {
    return this.task ? { task: this.task } : {};
  }

  private async run(line: number | undefined, signal: AbortSignal, first: boolean): Promise<void> {
    let pause = 1000;
    this.busy = true;
    while (!signal.aborted) {
      const begun = Date.now();
      try {
        // The last two lines may have had no end yet.
        const from = first ? line && Math.max(1, line - 100) : Math.max(1, this.known.total - 1);
        await this.ask(from, first, signal);
        first = false;
        pause = 1000;
        if (this.known.complete) break;
        await sleep(Math.max(0, begun + pace - Date.now()), signal);
      } catch (problem) {
        if (signal.aborted) return;
        this.tell({ problem: problem instanceof Error ? problem : new Error(String(problem)) });
        if (problem instanceof Problem && (problem.kind === 'notFound' || problem.kind === 'forbidden')) break;
        await sleep(pause, signal);
        pause = Math.min(10_000, 2 * pause);
      }
    }
    if (this.running?.signal === signal) this.busy = false;
  }

  private async ask(from: number | undefined, first: boolean, signal: AbortSignal): Promise<void> {
    const answer = await take(
      api.GET('/orders/{id}/log/lines', {
        params: {
          path: { id: this.order },
          query: {
            ...this.which(),
            lines: blockSize,
            ...(from === undefined ? {} : { from }),
            ...(first ? {} : { seen: this.seen, wait: waitTime }),
          },
        },
        signal,
      }),
    );
    const sections = [...this.known.sections.slice(0, answer.knownSections), ...answer.sections];
    this.forget(sections);
    this.seen = answer.seen;
    this.keep(answer.lines);
    this.tell({
      total: answer.total,
      complete: answer.complete,
      more: answer.more ?? false,
      sections,
      problem: undefined,
      ...(answer.open ? { open: answer.open } : {}),
      ...(first && !answer.open ? { open: { line: from ?? 1, reason: 'start' } } : {}),
    });
  }

  /** Drops lines whose numbers have moved, and those that may have changed. */
  private forget(now: readonly Section[]): void {
    for (const [i, s] of this.known.sections.entries()) {
      const next = now[i];
      if (!next || next.first !== s.first) {
        this.drop(s.first);
        return;
      }
      if (s.complete) continue;
      if (i + 1 < now.length && next.lines !== s.lines) {
        this.drop(s.first + s.lines - 2);
        return;
      }
      for (let n = Math.max(1, s.first + s.lines - 2); n < s.first + s.lines; n++)
        this.blocks.get(blockOf(n))?.delete(n);
    }
  }

  private drop(from: number): void {
    for (const [b, lines] of this.blocks) {
      if ((b + 1) * blockSize < from) continue;
      for (const n of [...lines.keys()]) if (n >= from) lines.delete(n);
    }
  }

  private isWhole(b: number): boolean {
    const size = Math.min(blockSize, this.known.total - b * blockSize);
    return (this.blocks.get(b)?.size ?? 0) >= size;
  }

  private async load(b: number): Promise<void> {
    const stop = new AbortController();
    this.asked.set(b, stop);
    try {
      const lines = await this.read(b * blockSize + 1, blockSize, false, stop.signal);
      this.asked.delete(b);
      this.keep(lines);
      this.tell({ problem: undefined });
    } catch (problem) {
      if (stop.signal.aborted) return;
      this.asked.delete(b);
      this.tell({ problem: problem instanceof Error ? problem : new Error(String(problem)) });
    }
  }

  private keep(lines: readonly Line[]): void {
    for (const l of lines) {
      const b = blockOf(l.n);
      let block = this.blocks.get(b);
      if (!block) this.blocks.set(b, (block = new Map<number, Line>()));
      block.set(l.n, l);
    }
    // The blocks that are farthest from what is looked at go.
    const here = blockOf(this.at);
    const far = [...this.blocks.keys()].sort((x, y) => Math.abs(y - here) - Math.abs(x - here));
    for (const b of far.slice(0, Math.max(0, far.length - keptBlocks))) this.blocks.delete(b);
  }

  private tell(change: Partial<Known>): void {
    this.known = { ...this.known, ...change, version: this.known.version + 1 };
    this.listeners.forEach((l) => l());
  }
}

function blockOf(n: number): number {
  return Math.floor((n - 1) / blockSize);
}

function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
