import { expect, it } from 'vitest';
import { readOrder } from './order';

const base = { id: 'O', workflow: { path: 'a/W', versionId: '1' }, position: [0], state: { TYPE: 'Ready' } };

it('reads an order that failed', () => {
  const o = readOrder({
    ...base,
    state: { TYPE: 'Failed' },
    addedAt: 1_790_000_000_123_456,
    by: { account: 'ada' },
    historicOutcomes: [
      { position: [0], outcome: { TYPE: 'Failed', message: 'disk full', namedValues: { returnCode: 3 } } },
      { position: [0], outcome: { TYPE: 'Caught' } },
    ],
  });
  expect(o).toMatchObject({
    status: 'Failed',
    reason: 'disk full',
    returnCode: 3,
    by: 'ada',
    addedAt: 1_790_000_000_123,
  });
});

it.each([
  [{ ...base }, 'Ready'],
  [{ ...base, isSuspended: true }, 'Suspended'],
  [{ ...base, state: { TYPE: 'Failed' }, isSuspended: true }, 'Failed'],
  [{ ...base, state: { TYPE: 'Fresh' }, scheduledFor: 2000 }, 'Scheduled'],
  [{ ...base, state: { TYPE: 'Fresh' }, scheduledFor: 500 }, 'NotStarted'],
])('finds the status of %j', (raw, want) => expect(readOrder(raw, 1000).status).toBe(want));

it('takes no old failure for a reason', () => {
  const o = readOrder({
    ...base,
    state: { TYPE: 'Processing', subagentId: 'agent-1' },
    historicOutcomes: [{ position: [0], outcome: { TYPE: 'Failed', message: 'old', namedValues: { returnCode: 1 } } }],
  });
  expect(o).toMatchObject({ reason: '', returnCode: undefined, agent: 'agent-1' });
});
