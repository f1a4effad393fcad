import { api, take, type Schemas } from '../api/client';

/** What can be asked of orders. The keys are those of the message files. */
export type OrderAction = 'cancel' | 'kill' | 'suspend' | 'resume' | 'delete';

/** Statuses in which an action makes sense; the Controller decides, and says why not. */
export const fits: Record<OrderAction, (status: string) => boolean> = {
  cancel: (s) => s !== 'Finished' && s !== 'Cancelled',
  kill: (s) => s === 'Processing',
  suspend: (s) =>
    ![
      'Suspended',
      'Failed',
      'FailedWhileFresh',
      'FailedInFork',
      'Broken',
      'Stopped',
      'StoppedWhileFresh',
      'Finished',
      'Cancelled',
    ].includes(s),
  resume: (s) =>
    ['Suspended', 'Failed', 'FailedWhileFresh', 'Stopped', 'StoppedWhileFresh', 'ProcessingKilled'].includes(s),
  delete: (s) => s === 'Finished' || s === 'Cancelled',
};

export const dangerous: ReadonlySet<OrderAction> = new Set(['cancel', 'kill', 'delete']);

export interface Options {
  reason?: string | undefined;
  /** End the process as well. */
  kill?: boolean;
  /** Where and with what the order goes on, instead of where it stands and as it is. */
  resume?: Omit<Schemas['ResumeOrdersRequest'], 'ids' | 'reason'>;
}

/** Asks the Cockpit for an action on orders, all or none. */
export async function carryOut(action: OrderAction, ids: string[], o: Options): Promise<void> {
  const body = { ids, ...(o.reason ? { reason: o.reason } : {}) };
  switch (action) {
    case 'cancel':
      await take(api.POST('/orders/cancel', { body: { ...body, ...(o.kill ? { kill: true } : {}) } }));
      return;
    case 'kill':
      await take(api.POST('/orders/cancel', { body: { ...body, kill: true, immediately: true } }));
      return;
    case 'suspend':
      await take(api.POST('/orders/suspend', { body: { ...body, ...(o.kill ? { kill: true } : {}) } }));
      return;
    case 'resume':
      await take(api.POST('/orders/resume', { body: { ...body, ...o.resume } }));
      return;
    case 'delete':
      await take(api.POST('/orders/delete', { body }));
  }
}

/** What came of one order in a bulk action. */
export interface Result {
  id: string;
  problem?: unknown;
}

/**
 * Carries an action out for each of many orders by itself, a few at a time, so that
 * one that is refused doesn't keep back the others. `told` gets each result.
 */
export async function carryOutEach(
  action: OrderAction,
  ids: readonly string[],
  o: Options,
  told: (r: Result) => void,
): Promise<void> {
  let next = 0;
  const worker = async () => {
    for (let id = ids[next++]; id !== undefined; id = ids[next++]) {
      try {
        await carryOut(action, [id], o);
        told({ id });
      } catch (problem) {
        told({ id, problem });
      }
    }
  };
  await Promise.all(Array.from({ length: 4 }, worker));
}
