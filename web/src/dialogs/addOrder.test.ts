import { describe, expect, it } from 'vitest';
import { beginnings, kindOf, momentIn, readForm, treeOf, type Fields, type Workflow } from './addOrder';

const workflow: Workflow = {
  path: 'nightly/load',
  versionId: '1',
  document: JSON.stringify({
    timeZone: 'Europe/Berlin',
    instructions: [
      { TYPE: 'Sleep', duration: '1' },
      { TYPE: 'Try', try: { instructions: [{ TYPE: 'Stop' }] }, catch: { instructions: [] } },
      { TYPE: 'Fork', branches: [{ id: 'A', workflow: { instructions: [{ TYPE: 'Stop' }] } }] },
    ],
  }),
  versions: ['1'],
  suspended: false,
  skip: [],
  breakpoints: [],
  orders: 0,
  allowUndeclared: false,
  parameters: [
    { name: 'day', type: 'String' as never, required: true, final: false },
    { name: 'limit', type: 'Number' as never, required: false, final: false, default: '100' },
    { name: 'dry', type: 'Boolean' as never, required: false, final: false },
    { name: 'hosts', type: { TYPE: 'List', elementType: 'String' } as never, required: false, final: false },
    { name: 'target', type: 'String' as never, required: false, final: true },
  ],
};

const empty: Fields = {
  arguments: new Map(),
  id: '',
  count: '',
  start: 'now',
  at: '',
  zone: 'UTC',
  position: '',
  keep: false,
  reason: '',
};

const read = (f: Partial<Fields>) => readForm(workflow, { ...empty, ...f }, 'r1');
const day: [string, string] = ['day', '2026-11-21'];

describe('readForm', () => {
  it('gives arguments as texts, and leaves out what is empty', () => {
    const args = new Map([day, ['limit', ' 1.50 '], ['dry', ''], ['hosts', '["a"]']]);
    expect(read({ arguments: args }).body).toEqual({
      workflow: 'nightly/load',
      requestId: 'r1',
      argumentTexts: { day: '2026-11-21', limit: ' 1.50 ', hosts: '["a"]' },
    });
  });
  it('gives all that is filled in', () => {
    const body = read({
      arguments: new Map([day]),
      id: ' load ',
      count: '3',
      start: 'at',
      at: '2026-11-22T14:00',
      zone: 'Europe/Berlin',
      position: '[1,"try",0]',
      keep: true,
      reason: 'rerun',
    }).body;
    expect(body).toEqual({
      workflow: 'nightly/load',
      requestId: 'r1',
      argumentTexts: { day: '2026-11-21' },
      id: 'load',
      count: 3,
      scheduledFor: Date.UTC(2026, 10, 22, 13),
      startPosition: [1, 'try', 0],
      keep: true,
      reason: 'rerun',
    });
  });
  it('says what is wrong, and where', () => {
    const f = {
      arguments: new Map([
        ['limit', '36OO'],
        ['hosts', '[a]'],
      ]),
      count: '1.5',
      start: 'at' as const,
      at: '',
    };
    expect(read(f).body).toBeUndefined();
    expect([...read(f).problems]).toEqual([
      ['argument day', 'missing'],
      ['argument limit', 'number'],
      ['argument hosts', 'json'],
      ['count', 'count'],
      ['at', 'time'],
    ]);
  });
  it('never gives what is computed', () => {
    const body = read({ arguments: new Map([day, ['target', 'x']]) }).body;
    expect(Object.keys(body?.argumentTexts ?? {})).toEqual(['day']);
  });
});

it('knows the kinds of fields', () => {
  expect(workflow.parameters.map(kindOf)).toEqual(['text', 'number', 'boolean', 'json', 'text']);
});

it('offers the steps where an order may begin', () => {
  expect(beginnings(treeOf(workflow))).toEqual(['[1]', '[1,"try",0]', '[2]']);
});

describe('momentIn', () => {
  it('follows the clocks of the zone', () => {
    expect(momentIn('2026-07-01T12:00:05', 'Europe/Berlin')).toBe(Date.UTC(2026, 6, 1, 10, 0, 5));
    expect(momentIn('2026-01-01T00:30', 'America/New_York')).toBe(Date.UTC(2026, 0, 1, 5, 30));
  });
  it('knows no time that the clocks leap over', () => {
    expect(momentIn('2026-03-29T02:30', 'Europe/Berlin')).toBeUndefined();
    expect(momentIn('2026-03-29T03:00', 'Europe/Berlin')).toBe(Date.UTC(2026, 2, 29, 1));
  });
  it('takes the first of a time that comes twice', () => {
    expect(momentIn('2026-10-25T02:30', 'Europe/Berlin')).toBe(Date.UTC(2026, 9, 25, 0, 30));
  });
  it.each(['', '2026', '22.11.2026 14:00'])('refuses %s', (text) => {
    expect(momentIn(text, 'UTC')).toBeUndefined();
  });
});
