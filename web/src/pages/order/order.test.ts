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

it('has the status that the Cockpit has found', () => {
  expect(readOrder({ ...base, status: 'Suspended' }).status).toBe('Suspended');
});

it('takes no old failure for a reason', () => {
  const o = readOrder({
    ...base,
    state: { TYPE: 'Processing', subagentId: 'agent-1' },
    historicOutcomes: [{ position: [0], outcome: { TYPE: 'Failed', message: 'old', namedValues: { returnCode: 1 } } }],
  });
  expect(o).toMatchObject({ reason: '', returnCode: undefined, agent: 'agent-1' });
});
