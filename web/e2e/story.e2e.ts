import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { launch, login, open, ready, type Tab } from './browser';
import { Installation, job } from './installation';

const on = new Installation();
let browser: Browser;
let tab: Tab;

beforeAll(async () => {
  browser = await launch();
  await on.start();
  await on.deploy('payments/settle', job('echo loading; echo "disk full" >&2; test -e "$SIGNET_NEVER" || exit 3'));
  await on.deploy('billing/reindex', job('sleep 300'));
  await on.signet('order', 'add', 'payments/settle', '--id', 'P1-load', '--wait').catch(() => undefined);
  await on.signet('order', 'add', 'billing/reindex', '--id', 'R-1');
  await on.signet('order', 'add', 'billing/reindex', '--id', 'later', '--at', '+86400s');
});
afterAll(async () => {
  await browser?.close();
  await on.remove();
});
beforeEach(async () => {
  tab = await open(browser, on);
});
afterEach(async () => {
  expect(await tab.complaints()).toEqual([]);
  await tab.close();
});

it('refuses a wrong password, and says so', async () => {
  const { page } = tab;
  await page.goto('/orders');
  await page.getByLabel('Account').fill('admin');
  await page.getByLabel('Password', { exact: true }).fill('wrong');
  await page.getByRole('button', { name: 'Log in' }).click();
  await page.getByRole('alert').filter({ hasText: /\S/ }).waitFor();
  expect(page.url()).toContain('/login?next=');
  await page.getByLabel('Password', { exact: true }).fill(on.password);
  await page.getByRole('button', { name: 'Log in' }).click();
  await ready(page, 'orders'); // where the visitor wanted to go
  // The browser itself notes the refusal.
  expect((await tab.complaints()).every((c) => c.includes('401'))).toBe(true);
});

it('shows what failed, and its log two clicks from the dashboard', async () => {
  const { page } = tab;
  await login(page, on);
  const needs = page.getByRole('region', { name: 'Needs a person' });
  await needs.getByText('P1-load').waitFor();
  expect(await needs.locator('[data-status=Failed]').innerText()).toContain('rc 3');
  await needs.getByRole('link', { name: /Open log of/ }).click();
  await page.getByRole('log').getByText('disk full').waitFor();
});

it('follows what happens without a reload', async () => {
  const { page } = tab;
  await login(page, on);
  await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Orders' }).click();
  await ready(page, 'orders');
  await page.locator('[data-key="R-1"] [data-status=Processing]').waitFor();
  await on.signet('order', 'add', 'billing/reindex', '--id', 'R-2');
  await page.locator('[data-key="R-2"]').waitFor();
  await page.getByRole('checkbox', { name: 'Choose order R-2' }).check();
  await page.getByRole('toolbar').getByRole('button', { name: 'Cancel' }).click();
  const dialog = page.getByRole('alertdialog');
  await dialog.getByLabel('Reason').fill('not needed');
  await dialog.getByLabel(/End the running process/).check();
  await dialog.getByRole('button', { name: 'Cancel order' }).click();
  await page.locator('[data-key="R-2"]').waitFor({ state: 'detached' });
  await page.getByRole('link', { name: 'later', exact: true }).click();
  await ready(page, 'order');
  await page.getByRole('button', { name: 'Cancel', exact: true }).click();
  await page.getByRole('alertdialog').getByRole('button', { name: 'Back' }).click();
  await page.getByRole('alertdialog').waitFor({ state: 'detached' });
});

it('keeps the page when the session ends, and goes on after a login', async () => {
  const { page } = tab;
  await login(page, on);
  await page.goto('/agents');
  await ready(page, 'agents');
  await page.context().clearCookies();
  const dialog = page.getByRole('dialog', { name: 'Your session is over' });
  await dialog.waitFor();
  await dialog.getByLabel('Password', { exact: true }).fill(on.password);
  await dialog.getByRole('button', { name: 'Log in' }).click();
  await dialog.waitFor({ state: 'detached' });
  expect(page.url()).toContain('/agents');
  expect((await tab.complaints()).every((c) => c.includes('401'))).toBe(true);
});

it('says when the connection is lost, and heals by itself', async () => {
  const { page } = tab;
  await login(page, on);
  await page.goto('/orders');
  await ready(page, 'orders');
  const mark = page.getByRole('status', { name: 'Connection' });
  await mark.filter({ hasText: 'Live' }).waitFor();
  await on.stop();
  await mark.filter({ hasText: /Reconnecting|Offline/ }).waitFor();
  await page.locator('[data-key="later"]').waitFor(); // what was known stays
  await on.start();
  await mark.filter({ hasText: 'Live' }).waitFor();
  await on.signet('order', 'add', 'billing/reindex', '--id', 'after-the-cut', '--at', '+86400s');
  await page.locator('[data-key="after-the-cut"]').waitFor();
  await tab.complaints(); // the browser notes each attempt that failed
});

it('has one stream for all tabs of a browser', async () => {
  const { page } = tab;
  await login(page, on);
  const second = await page.context().newPage();
  const streams: string[] = [];
  second.on('request', (r) => {
    if (r.url().includes('/api/v1/live')) streams.push(r.url());
  });
  await second.goto('/orders');
  await ready(second, 'orders');
  await page.getByRole('status', { name: 'Connection' }).filter({ hasText: 'Live' }).waitFor();
  await on.signet('order', 'add', 'billing/reindex', '--id', 'for-both', '--at', '+86400s');
  await second.locator('[data-key="for-both"]').waitFor();
  expect(streams).toEqual([]); // the first tab has it, and passes the news on
  await page.close();
  await on.signet('order', 'add', 'billing/reindex', '--id', 'for-one', '--at', '+86400s');
  await second.locator('[data-key="for-one"]').waitFor();
  expect(streams).toHaveLength(1); // now this one has it
  tab.page = second;
});
