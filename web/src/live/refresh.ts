import type { QueryClient } from '@tanstack/react-query';
import type { News } from './live';

/** The least time between two refreshes of one kind of data, in milliseconds. */
const pace = 400;

/** The first element of a query's key says which news make it out of date. */
export type Subject =
  | 'orders' // lists and counts of orders
  | 'order' // one order: ['order', id, ...]
  | 'workflow' // one workflow's orders: ['workflow', path, ...]
  | 'items' // deployed objects
  | 'agents'
  | 'inventory'
  | 'history'
  | 'audit'
  | 'session';

/**
 * Refresh makes what is shown be asked for again when news say so: at once for the
 * first, then at most every 400 ms, so that a burst of events costs a few requests.
 */
export class Refresh {
  private readonly waiting = new Map<string, ReturnType<typeof setTimeout>>();
  private readonly last = new Map<string, number>();

  constructor(private readonly queries: QueryClient) {}

  take(news: News): void {
    if (news.orders?.length || news.more) {
      this.ask(['orders']);
      this.ask(['history']);
      for (const [subject, id] of this.shown()) {
        if (subject === 'order' && (news.more || news.orders?.includes(rootOf(id)))) this.ask(['order', id]);
        if (subject === 'workflow' && (news.more || news.workflows?.includes(id))) this.ask(['workflow', id]);
      }
    }
    for (const topic of news.topics ?? []) this.ask([topic]);
    if (news.topics?.includes('items')) this.ask(['workflow']);
  }

  all(): void {
    void this.queries.invalidateQueries();
  }

  private shown(): [string, string][] {
    const found = new Map<string, [string, string]>();
    for (const q of this.queries.getQueryCache().getAll()) {
      const [subject, id] = q.queryKey;
      if (typeof subject === 'string' && typeof id === 'string') found.set(`${subject} ${id}`, [subject, id]);
    }
    return [...found.values()];
  }

  private ask(key: string[]): void {
    const name = key.join(' ');
    if (this.waiting.has(name)) return;
    const due = (this.last.get(name) ?? 0) + pace - Date.now();
    const run = () => {
      this.waiting.delete(name);
      this.last.set(name, Date.now());
      void this.queries.invalidateQueries({ queryKey: key });
    };
    if (due <= 0) run();
    else this.waiting.set(name, setTimeout(run, due));
  }
}

/** The id of an order's outermost parent. */
export function rootOf(id: string): string {
  return id.split('|', 1)[0] ?? id;
}
