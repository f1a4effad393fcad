// The stream of news: one for each browser, however many tabs are open. The tab
// that holds the Web Lock has the EventSource and passes on what comes over a
// BroadcastChannel; when it goes, the next one gets the lock and goes on behind the
// last event that it has seen. Without Web Locks, each tab has its own stream.

/** What a frame of news says. */
export interface News {
  orders?: string[];
  workflows?: string[];
  more?: boolean;
  topics?: string[];
}

export type Connection = 'connecting' | 'live' | 'reconnecting' | 'offline';

export interface LiveState {
  connection: Connection;
  /** When the last sign of life came, in milliseconds. */
  heard: number;
  lastEventId: string;
}

type Message =
  | { kind: 'news'; id: string; news: News }
  | { kind: 'beat'; id: string }
  | { kind: 'gap'; id: string }
  | { kind: 'down' };

const channelName = 'signet-live';
/** Silence, in milliseconds, after which the page says so. */
const reconnectingAfter = 13_000;
const offlineAfter = 30_000;
/** Silence after which another tab takes the lock from one that is stuck. */
const stealAfter = 20_000;

export interface LiveOptions {
  onNews: (news: News) => void;
  /** Something was missed: all that is shown has to be asked for again. */
  onGap: () => void;
  /** The server refuses the stream: most often the session is over. */
  onRefused: () => void;
}

/** Live keeps a page up to date from start to stop. */
export class Live {
  private state: LiveState = { connection: 'connecting', heard: Date.now(), lastEventId: '' };
  private readonly listeners = new Set<() => void>();
  private abort = new AbortController();
  private channel: BroadcastChannel | undefined;
  private source: EventSource | undefined;
  private failedAt = 0;
  private watch: ReturnType<typeof setInterval> | undefined;

  constructor(private readonly options: LiveOptions) {}

  /** Begins, also once more after stop. */
  start(): void {
    this.abort = new AbortController();
    this.channel = new BroadcastChannel(channelName);
    this.channel.onmessage = (e: MessageEvent<Message>) => this.take(e.data);
    this.lead(false);
    this.watch = setInterval(() => this.look(), 1000);
  }

  stop(): void {
    this.abort.abort();
    clearInterval(this.watch);
    this.source?.close();
    this.source = undefined;
    this.channel?.close();
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  readonly get = (): LiveState => this.state;

  private lead(steal: boolean): void {
    if (!('locks' in navigator)) {
      this.open();
      return;
    }
    const { signal } = this.abort;
    const hold = () =>
      new Promise<void>((release) => {
        signal.addEventListener('abort', () => release());
        this.open();
      });
    const options = steal ? { steal: true } : { signal };
    navigator.locks.request(channelName, options, hold).catch(() => {
      if (signal.aborted) return; // stopped; there may be a new start already
      // Another tab has taken the lock: no second stream.
      this.source?.close();
      this.source = undefined;
      this.lead(false);
    });
  }

  private open(): void {
    if (this.abort.signal.aborted) return;
    const after = this.state.lastEventId;
    const source = new EventSource('/api/v1/live' + (after ? `?after=${encodeURIComponent(after)}` : ''));
    this.source = source;
    const pass = (m: Message) => {
      this.take(m);
      this.channel?.postMessage(m);
    };
    source.addEventListener('ready', (e) => {
      pass({ kind: 'beat', id: e.lastEventId });
      // What was asked for before the stream began may be out of date already.
      if (!after) this.options.onNews({ more: true });
    });
    source.addEventListener('beat', (e) => pass({ kind: 'beat', id: e.lastEventId }));
    source.addEventListener('gap', (e) => pass({ kind: 'gap', id: e.lastEventId }));
    source.addEventListener('news', (e: MessageEvent<string>) =>
      pass({ kind: 'news', id: e.lastEventId, news: JSON.parse(e.data) as News }),
    );
    source.onerror = () => {
      pass({ kind: 'down' });
      if (source.readyState !== EventSource.CLOSED) return; // the browser tries again by itself
      source.close();
      this.options.onRefused();
      const again = setTimeout(() => this.source === source && this.open(), 3000);
      this.abort.signal.addEventListener('abort', () => clearTimeout(again));
    };
  }

  private take(m: Message): void {
    if (m.kind === 'down') {
      this.failedAt ||= Date.now();
      this.look();
      return;
    }
    this.failedAt = 0;
    this.set({ connection: 'live', heard: Date.now(), lastEventId: m.id || this.state.lastEventId });
    if (m.kind === 'news') this.options.onNews(m.news);
    if (m.kind === 'gap') this.options.onGap();
  }

  /** Looks whether the stream has been silent for too long. */
  private look(): void {
    const now = Date.now();
    const silent = now - this.state.heard;
    const failing = this.failedAt ? now - this.failedAt : 0;
    let connection = this.state.connection;
    if (silent > offlineAfter || failing > offlineAfter) connection = 'offline';
    else if (silent > reconnectingAfter || failing > 2500) connection = 'reconnecting';
    if (connection !== this.state.connection) this.set({ ...this.state, connection });
    if (!this.source && silent > stealAfter && 'locks' in navigator) this.lead(true);
  }

  private set(state: LiveState): void {
    this.state = state;
    this.listeners.forEach((l) => l());
  }
}
