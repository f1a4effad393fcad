import { afterEach, expect, it, vi } from 'vitest';
import { carryOut, carryOutEach, fits, type Result } from './actions';

afterEach(() => vi.unstubAllGlobals());

/** Answers calls, and notes them. */
function answer(of: (body: { ids: string[] }) => Response) {
  const calls: [string, unknown][] = [];
  vi.stubGlobal('fetch', async (r: Request) => {
    const body = (await r.json()) as { ids: string[] };
    calls.push([new URL(r.url).pathname, body]);
    return of(body);
  });
  return calls;
}

const done = () => new Response(null, { status: 204 });

it('sends what was asked for', async () => {
  const calls = answer(done);
  await carryOut('cancel', ['A', 'B'], { reason: 'why' });
  await carryOut('kill', ['A'], {});
  await carryOut('suspend', ['A'], { kill: true });
  await carryOut('resume', ['A'], { resume: { position: [1, 'then', 0] } });
  await carryOut('delete', ['A'], {});
  expect(calls).toEqual([
    ['/api/v1/orders/cancel', { ids: ['A', 'B'], reason: 'why' }],
    ['/api/v1/orders/cancel', { ids: ['A'], kill: true, immediately: true }],
    ['/api/v1/orders/suspend', { ids: ['A'], kill: true }],
    ['/api/v1/orders/resume', { ids: ['A'], position: [1, 'then', 0] }],
    ['/api/v1/orders/delete', { ids: ['A'] }],
  ]);
});

it('tells honestly what came of each of many', async () => {
  answer(({ ids }) =>
    ids[0] === '3'
      ? new Response(JSON.stringify({ code: 'OrderMoved', kind: 'conflict', status: 409, title: 'x' }), {
          status: 409,
          headers: { 'Content-Type': 'application/problem+json' },
        })
      : done(),
  );
  const results: Result[] = [];
  await carryOutEach('resume', ['1', '2', '3', '4', '5', '6'], {}, (r) => results.push(r));
  expect(results.map((r) => r.id).sort()).toEqual(['1', '2', '3', '4', '5', '6']);
  expect(results.filter((r) => r.problem).map((r) => r.id)).toEqual(['3']);
});

it('knows what fits', () => {
  expect(fits.resume('Failed')).toBe(true);
  expect(fits.resume('Processing')).toBe(false);
  expect(fits.kill('Processing')).toBe(true);
  expect(fits.delete('Failed')).toBe(false);
});
