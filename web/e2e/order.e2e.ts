import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { axeFinds, launch, login, open, ready, type Tab } from './browser';
import { settle } from './demo';
import { Installation } from './installation';

const on = new Installation();
let browser: Browser;
let tab: Tab;

const why = 'ORA-01653: unable to extend table';

/** Steps one after the other, each of which takes so long that one sees the order there. */
const walk = {
  instructions: ['first', 'second', 'third'].map((n) => ({ TYPE: 'Execute.Named', jobName: n, label: n })),
  jobs: Object.fromEntries(
    ['first', 'second', 'third'].map((n) => [
      n,
      { agentPath: 'agent-1', executable: { TYPE: 'ShellScriptExecutable', script: `echo ${n}; sleep 3` } },
    ]),
  ),
};

beforeAll(async () => {
  browser = await launch();
  await on.start();
  await on.deploy('payments/settle', settle);
  await on.deploy('walk', walk);
  const wait = on.signet(
    'order',
    'add',
    'payments/settle',
    '--id',
    'P',
    '--count',
    '2',
    '--arg',
    'day=monday',
    '--wait',
  );
  await wait.catch(() => undefined); // they fail: that is what they are for
});
afterAll(async () => {
  await browser?.close();
  await on.remove();
});
beforeEach(async () => {
  tab = await open(browser, on);
  await login(tab.page, on);
});
afterEach(async () => {
  expect(await tab.complaints()).toEqual([]);
  await tab.close();
});

it('says why something failed wherever it is listed', async () => {
  const { page } = tab;
  await page.getByRole('region', { name: 'Needs a person' }).getByText(why).waitFor();
  await page.goto('/orders');
  await ready(page, 'orders');
  await page.locator('[data-key="P-1"]').getByText(why).waitFor();
  await page.goto('/history?kind=steps&state=failed');
  await ready(page, 'history');
  await page.getByRole('row').filter({ hasText: 'P-1' }).first().getByText(why).waitFor();
  await page.goto('/orders/P-1');
  await ready(page, 'order');
  await page.getByText(why).first().waitFor();
  // Once somebody has dealt with it, it is told among what failed last.
  await on.signet('order', 'cancel', 'P-2');
  await page.goto('/');
  await ready(page, 'dashboard');
  const last = page.getByRole('region', { name: 'Failed last' });
  await last.getByText('P-2').waitFor();
  expect(await last.innerText()).toContain('rc 3 · Cancelled');
  await last.getByText(why).waitFor();
});

it('resumes an order at a step of the graph, with changed values', async () => {
  const { page } = tab;
  await page.goto('/orders/P-1');
  await ready(page, 'order');
  await page.getByRole('button', { name: 'Resume', exact: true }).click();
  const dialog = page.getByRole('alertdialog');
  const graph = dialog.getByRole('region', { name: 'Workflow graph of payments/settle' });
  await graph.getByRole('button', { name: /^load.*stands here/i }).waitFor();
  await graph.getByRole('button', { name: 'Fit' }).click();
  // A branch can't be jumped into, and it is said so.
  await graph.getByRole('button', { name: /^extract, .*can't go on here/ }).click();
  await dialog.getByText("extract: the order can't go on there").waitFor();
  await graph.getByRole('button', { name: /^check, / }).click();
  await page.waitForURL(/resume=/);
  const will = dialog.getByRole('region', { name: 'What will run' });
  expect(await will.getByRole('listitem').allInnerTexts()).toEqual([
    'check',
    'Fork 2 steps',
    'Try 2 steps',
    'If 1 step',
  ]);
  await will.getByText('The results of these steps are dropped: check').waitFor();
  await dialog.getByText('Change arguments and results').click();
  await dialog.getByRole('textbox', { name: 'day' }).fill('tuesday');
  await dialog.getByRole('textbox', { name: 'limit' }).fill('7');
  expect(await will.innerText()).toContain('day: monday → tuesday');
  await dialog.getByText('The command as JSON').click();
  await dialog.getByText('"argumentTexts"').waitFor();
  expect(await axeFinds(page)).toEqual([]);
  // The address has the choice: a reload shows the same dialog.
  await page.reload();
  await ready(page, 'order');
  await graph.getByRole('button', { name: /^check, .*goes on here/i }).waitFor();
  await dialog.getByText('Change arguments and results').click();
  await dialog.getByRole('textbox', { name: 'day' }).fill('tuesday');
  await dialog.getByRole('textbox', { name: 'limit' }).fill('7');
  await dialog.getByLabel('Reason').fill('wrong day');
  await dialog.getByRole('button', { name: 'Resume order' }).click();
  await dialog.waitFor({ state: 'detached' });
  await page.locator('h1 ~ [data-status="Failed"]').waitFor({ timeout: 60_000 });
  const shown = JSON.parse(await on.signet('order', 'show', 'P-1', '-o', 'json')) as { arguments: unknown };
  expect(shown.arguments).toEqual({ day: 'tuesday', limit: 7 });
});

it('shows the events of an order, and those that follow', async () => {
  const { page } = tab;
  await on.signet('order', 'add', 'walk', '--id', 'E');
  await page.goto('/orders/E?tab=events');
  await ready(page, 'order');
  const rows = page.getByRole('table', { name: 'Events' }).getByRole('row');
  await rows.filter({ hasText: 'OrderAdded' }).waitFor();
  const moved = rows.filter({ hasText: 'OrderMoved' }).filter({ hasText: 'second' });
  await moved.getByText('Went on').waitFor();
  await page.getByPlaceholder('Find in events').fill('step ended');
  await rows.filter({ hasText: 'OK · rc 0' }).first().waitFor();
  await rows.filter({ hasText: 'OrderAdded' }).waitFor({ state: 'detached' });
  await page.waitForURL(/find=step/);
  await rows.filter({ hasText: 'OrderProcessed' }).first().click();
  await page.getByRole('region', { name: 'OrderProcessed as JSON' }).getByText('"returnCode": 0').waitFor();
  expect(await axeFinds(page)).toEqual([]);
  await page.getByPlaceholder('Find in events').fill('');
  await rows.filter({ hasText: 'OrderFinished' }).waitFor({ timeout: 60_000 });
});

it('follows an order on the graph while it moves', async () => {
  const { page } = tab;
  await on.signet('order', 'add', 'walk', '--id', 'F');
  await page.goto('/workflows/walk');
  await ready(page, 'workflow');
  await page.getByRole('combobox', { name: 'Follow order' }).selectOption('F');
  await page.waitForURL(/order=F/);
  const followed = page.getByRole('status', { name: 'Followed order' });
  for (const name of ['second', 'third']) {
    await followed.getByText(name).waitFor({ timeout: 60_000 });
    await page.getByRole('button', { name: new RegExp(`^${name}, .*stands here`) }).waitFor();
  }
  await page.getByRole('button', { name: /^first, .*came here/ }).waitFor();
  expect(await page.locator('path.edge.lit').getAttribute('d')).toMatch(/^M/);
  await followed.locator('[data-status="Finished"]').waitFor({ timeout: 60_000 });
  await followed.getByRole('button', { name: 'Stop following' }).click();
  await followed.waitFor({ state: 'detached' });
  expect(page.url()).not.toContain('order=');
});

it('tells how a step has done, and leads to its last log', async () => {
  const { page } = tab;
  await page.goto('/workflows/payments/settle?at=[2,"try",0]');
  await ready(page, 'workflow');
  const panel = page.getByRole('complementary', { name: 'Step load' });
  await panel.getByText('None of the last runs went well').waitFor();
  await panel.getByRole('group', { name: 'Last runs, the oldest first' }).getByRole('link').first().waitFor();
  await panel.getByRole('button', { name: 'Show as table' }).click();
  await panel.getByRole('table').waitFor();
  expect(await axeFinds(page)).toEqual([]);
  await panel.getByRole('link', { name: 'Open last log' }).click();
  await page.getByRole('log').getByText(why).last().waitFor();
});
