import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { launch, login, open, ready } from './browser';
import { Installation } from './installation';

const on = new Installation();
let browser: Browser;

/** A workflow of 2,000 instructions: jobs, in blocks three deep. */
function large(): object {
  let n = 0;
  const run = () => ({ TYPE: 'Execute.Named', jobName: 'work', label: `step-${++n}` });
  const runs = (count: number) => ({ instructions: Array.from({ length: count }, run) });
  const groups = Array.from({ length: 50 }, (_, i) => {
    n += 4; // the blocks themselves
    return {
      TYPE: 'Try',
      try: {
        instructions: [
          run(),
          { TYPE: 'Fork', branches: ['a', 'b', 'c'].map((id) => ({ id, workflow: runs(8) })) },
          { TYPE: 'If', predicate: `true || ${i} == 0`, then: runs(5), else: runs(5) },
        ],
      },
      catch: runs(1),
    };
  });
  while (n < 2000) groups.push(run() as never);
  return {
    instructions: groups,
    jobs: { work: { agentPath: 'agent-1', executable: { TYPE: 'ShellScriptExecutable', script: 'true' } } },
  };
}

beforeAll(async () => {
  browser = await launch();
  await on.start();
  await on.deploy('large', large());
});
afterAll(async () => {
  await browser?.close();
  await on.remove();
});

/** Times between frames while something is done, in milliseconds, sorted. */
async function frames(page: Page, act: () => Promise<void>): Promise<number[]> {
  await page.evaluate(() => {
    const times: number[] = [];
    let [last, on] = [performance.now(), true];
    const tick = (now: number) => {
      times.push(now - last);
      last = now;
      if (on) requestAnimationFrame(tick);
    };
    requestAnimationFrame(tick);
    Object.assign(window, {
      endOfFrames: () => {
        on = false;
        return times.slice(1).sort((a, b) => a - b);
      },
    });
  });
  await act();
  return page.evaluate(() => (window as unknown as { endOfFrames: () => number[] }).endOfFrames());
}

const at = (sorted: number[], share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];

// The figures are for people (docs/operations/pages.md): what a busy machine makes of
// them fails no test, but a picture that hangs does.
it('opens, pans and zooms a workflow of 2,000 instructions', async () => {
  const tab = await open(browser, on);
  const { page } = tab;
  await login(page, on);
  await page.goto('/workflows/large?open=all');
  await ready(page, 'workflow');
  const nodes = page.getByTestId('node');
  await nodes.first().waitFor();
  const opened = await page.evaluate(() => performance.now());
  // Only what is in sight is in the document.
  expect(await nodes.count()).toBeLessThan(401);
  const box = await page.getByRole('application', { name: /^Graph/ }).boundingBox();
  if (!box) throw new Error('the graph has no size');
  await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
  const panned = await frames(page, async () => {
    for (let i = 0; i < 60; i++) await page.mouse.wheel(0, 240);
  });
  await page.keyboard.down('Control');
  const zoomed = await frames(page, async () => {
    for (let i = 0; i < 30; i++) await page.mouse.wheel(0, i < 15 ? 60 : -60);
  });
  await page.keyboard.up('Control');
  await page.getByRole('button', { name: 'Fit' }).click();
  // What is far away is found, and comes into sight.
  await page.getByRole('searchbox', { name: 'Find step' }).fill('step-1990');
  await page.keyboard.press('Enter');
  await page.locator('[data-testid=node][aria-current]').filter({ hasText: 'step-1990' }).waitFor();
  const told = (sorted: number[]) =>
    `p50 ${at(sorted, 0.5)?.toFixed(1)}, p95 ${at(sorted, 0.95)?.toFixed(1)}, most ${sorted.at(-1)?.toFixed(1)} ms`;
  if (process.env['SIGNET_FIGURES']) {
    console.info(`opened after ${opened.toFixed(0)} ms; panning: ${told(panned)}; zooming: ${told(zoomed)}`);
  }
  expect(at(panned, 0.5)).toBeLessThan(200);
  expect(at(zoomed, 0.5)).toBeLessThan(400);
  expect(await tab.complaints()).toEqual([]);
  await tab.close();
});
