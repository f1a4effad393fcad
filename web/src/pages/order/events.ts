// Events of one order, as they are told to people.

import type { QueryClient } from '@tanstack/react-query';
import type { TFunction } from 'i18next';
import { api, take, type Schemas } from '../../api/client';
import { messageIn, valuesIn, type Outcome } from '../../state/outcome';

export type OrderEvent = Schemas['OrderEvent'];

export interface Told {
  events: readonly OrderEvent[];
  /** Where it goes on. */
  cursor: string | undefined;
  /** There are more than were read in one go. */
  more: boolean;
  torn: boolean;
}

/** So many pages are read in one go, and so many events are kept. */
const mostPages = 10;
export const mostEvents = 5000;

/**
 * Reads an order's events; what is known already isn't read again. An order that was
 * deleted has no further ones: one that is there now is another of its id.
 */
export async function readEvents(id: string, queries: QueryClient, key: readonly unknown[]): Promise<Told> {
  const before = queries.getQueryData<Told>(key);
  let told: Told = before?.cursor ? before : { events: [], cursor: undefined, more: true, torn: false };
  for (let n = 0; n < mostPages && told.events.length < mostEvents; n++) {
    const query = { limit: 500, ...(told.cursor ? { cursor: told.cursor } : {}) };
    const page = await take(api.GET('/orders/{id}/events', { params: { path: { id }, query } }));
    told = {
      events: [...told.events, ...page.events],
      cursor: page.cursor,
      more: page.more ?? false,
      torn: told.torn || (page.torn ?? false),
    };
    if (!told.more) break;
  }
  return told;
}

/** What events say of themselves, as far as it is told in words. */
interface Fields {
  outcome?: Outcome;
  jobName?: string;
  subagentId?: string;
  agentPath?: string;
  try?: number;
  reason?: string;
  delayedUntil?: number;
  until?: number;
  by?: { account?: string };
  children?: unknown[];
  problem?: { message?: string };
  priority?: number;
  arguments?: Record<string, unknown>;
  workflowPosition?: { workflowId?: { versionId?: string } };
  position?: unknown;
  historyOperations?: unknown[];
}

/** The fields that every event has. */
const common = new Set(['eventId', 'timestamp', 'TYPE', 'Key']);

/** What an event says besides its kind, in words. */
export function detailOf(e: OrderEvent, t: TFunction, moment: (ms: number) => string): string {
  const f = e.event as Fields;
  const parts: string[] = [];
  const add = (text: string | undefined) => {
    if (text) parts.push(text);
  };
  if (f.outcome) {
    const code = valuesIn(f.outcome)['returnCode'];
    add(t(`outcome.${f.outcome.TYPE}`, f.outcome.TYPE));
    if (typeof code === 'number') add(t('order.returnCode', { code }));
    add(messageIn(f.outcome));
  }
  add(f.jobName?.replace(/^#/, ''));
  add(f.subagentId ?? f.agentPath);
  if (f.try !== undefined && f.try > 1) add(t('timeline.try', { n: f.try }));
  if (f.reason) add(t(`orderEvent.reason.${f.reason}`, f.reason));
  const until = f.delayedUntil ?? f.until;
  if (until) add(t('orderEvent.until', { time: moment(until) }));
  if (f.by?.account) add(t('orderEvent.by', { account: f.by.account }));
  if (f.children) add(t('orderEvent.children', { count: f.children.length }));
  add(f.problem?.message);
  if (e.type === 'OrderPriorityChanged') add(String(f.priority ?? 0));
  add(f.workflowPosition?.workflowId?.versionId);
  if (e.type === 'OrderResumed' || e.type === 'OrderResumptionMarked') {
    if (f.position) add(t('orderEvent.elsewhere'));
    if (f.arguments) add(t('orderEvent.changed', { names: Object.keys(f.arguments).join(', ') }));
    if (f.historyOperations) add(t('orderEvent.history', { count: f.historyOperations.length }));
  }
  return parts.join(' · ');
}

/** The event's own fields, as JSON. */
export function rawOf(e: OrderEvent): string {
  const own = Object.entries(e.event as object).filter(([name]) => !common.has(name));
  return own.length === 0 ? '' : JSON.stringify(Object.fromEntries(own));
}

/** Events in which a text is: in their words, their names or their fields. */
export function matching(
  events: readonly OrderEvent[],
  text: string,
  words: (e: OrderEvent) => string,
): readonly OrderEvent[] {
  const wanted = text.trim().toLowerCase();
  if (wanted === '') return events;
  return events.filter((e) => `${e.type} ${e.orderId} ${words(e)} ${rawOf(e)}`.toLowerCase().includes(wanted));
}
