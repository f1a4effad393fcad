import { QueryClient } from '@tanstack/react-query';
import type { TFunction } from 'i18next';
import { afterEach, expect, it, vi } from 'vitest';
import { detailOf, matching, rawOf, readEvents, type OrderEvent, type Told } from './events';

afterEach(() => vi.unstubAllGlobals());

const t = ((key: string, o?: object | string) =>
  typeof o === 'object' ? `${key} ${Object.values(o).join(' ')}` : key) as TFunction;

const event = (type: string, fields: object): OrderEvent => ({
  id: 1000,
  time: 1,
  orderId: 'O',
  type,
  event: { eventId: 1000, TYPE: type, Key: 'O', ...fields },
});

it.each([
  ['OrderStarted', {}, ''],
  [
    'OrderProcessed',
    { outcome: { TYPE: 'Failed', message: 'disk full', namedValues: { returnCode: 3 } } },
    'outcome.Failed · order.returnCode 3 · disk full',
  ],
  ['OrderProcessingStarted', { jobName: '#LOAD', subagentId: 'agent-1', try: 2 }, 'LOAD · agent-1 · timeline.try 2'],
  ['OrderAdded', { by: { account: 'ada' }, arguments: { a: 1 } }, 'orderEvent.by ada'],
  ['OrderRetrying', { delayedUntil: 5 }, 'orderEvent.until at 5'],
  [
    'OrderResumed',
    { position: [0], arguments: { day: 'x', n: 1 }, historyOperations: [1] },
    'orderEvent.elsewhere · orderEvent.changed day, n · orderEvent.history 1',
  ],
])('tells of %s %j', (type, fields, want) => {
  expect(detailOf(event(type, fields), t, (ms) => `at ${ms}`)).toBe(want);
});

it('finds an event by its words, its name and its fields', () => {
  const all = [event('OrderStarted', {}), event('OrderMoved', { to: [7] })];
  const find = (text: string) => matching(all, text, (e) => (e.type === 'OrderMoved' ? 'Moved on' : 'Started'));
  expect(find(' ')).toEqual(all);
  expect(find('moved ON')).toEqual([all[1]]);
  expect(find('orderstarted')).toEqual([all[0]]);
  expect(find('"to":[7]')).toEqual([all[1]]);
  expect(rawOf(all[0] as OrderEvent)).toBe('');
});

it('reads on from where it was, and anew when the order was deleted', async () => {
  const asked: string[] = [];
  const pages = new Map<string, object>([
    ['', { events: [event('A', {})], cursor: 'c1', more: true }],
    ['c1', { events: [], cursor: 'c2', more: true }],
    ['c2', { events: [event('B', {})], cursor: 'c3' }],
    ['c3', { events: [event('C', {})], torn: true }],
  ]);
  vi.stubGlobal('fetch', (r: Request) => {
    const cursor = new URL(r.url).searchParams.get('cursor') ?? '';
    asked.push(cursor);
    return Promise.resolve(
      new Response(JSON.stringify(pages.get(cursor)), { headers: { 'Content-Type': 'application/json' } }),
    );
  });
  const queries = new QueryClient();
  const types = (told: Told) => told.events.map((e) => e.type).join('');
  const read = async () => {
    const told = await readEvents('O', queries, ['k']);
    queries.setQueryData(['k'], told);
    return told;
  };
  expect(types(await read())).toBe('AB');
  const end = await read();
  expect([types(end), end.torn, end.cursor]).toEqual(['ABC', true, undefined]);
  expect(types(await read())).toBe('AB');
  expect(asked).toEqual(['', 'c1', 'c2', 'c3', '', 'c1', 'c2']);
});
