import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { launch, login, open, ready } from './browser';
import { settle } from './demo';
import { Installation } from './installation';

const on = new Installation();
let browser: Browser;

beforeAll(async () => {
  browser = await launch();
  await on.start();
  await on.deploy('payments/settle', settle);
});
afterAll(async () => {
  await browser?.close();
  await on.remove();
});

it('adds an order by its form, sees it fail, resumes it behind the failure, and finds it again', async () => {
  const tab = await open(browser, on);
  const { page } = tab;
  await login(page, on);

  // Add it, with the form that the workflow's parameters make.
  await page.goto('/workflows/payments/settle');
  await ready(page, 'workflow');
  await page.getByRole('button', { name: 'Add order' }).click();
  const form = page.getByRole('dialog', { name: /Add order to/ });
  await form.getByLabel('day').fill('2026-11-22');
  await form.getByLabel('Order id').fill('night-1');
  await form.getByRole('button', { name: 'Add order' }).click();
  await form.getByRole('link', { name: 'night-1' }).waitFor();
  await page.keyboard.press('Escape');

  // It moves through the graph and fails where it is drawn.
  const chip = page.locator('[data-testid="orders-at"][data-status="Failed"]');
  await chip.waitFor({ timeout: 60_000 });

  // Two clicks from the dashboard to the line that tells why.
  await page.goto('/');
  await ready(page, 'dashboard');
  await page.getByRole('link', { name: /Open log of load in night-1/ }).click();
  await page.getByRole('log').getByText('ORA-01653: unable to extend table').last().waitFor();

  // Go on behind the step that failed.
  await page.getByRole('button', { name: 'Resume', exact: true }).click();
  const dialog = page.getByRole('alertdialog');
  await dialog.getByRole('combobox', { name: 'Go on at' }).click();
  await page.getByRole('option', { name: 'End of the workflow' }).click();
  await dialog.getByLabel('Reason').fill('loaded by hand');
  await dialog.getByRole('button', { name: 'Resume order' }).click();
  await dialog.waitFor({ state: 'detached' });
  await page.locator('h1 ~ [data-status="Finished"]').waitFor();

  // History and audit have it.
  await page.goto('/history');
  await ready(page, 'history');
  const row = page.getByRole('row').filter({ hasText: 'night-1' });
  await row.locator('[data-status="Succeeded"]').waitFor();
  await page.goto('/history?kind=steps&state=failed&job=load');
  await page.getByRole('row').filter({ hasText: 'night-1' }).first().waitFor();
  await page.goto('/audit?action=resumeOrders');
  const entry = page.getByRole('row').filter({ hasText: 'night-1' });
  await entry.getByText('loaded by hand').waitFor();
  expect(await entry.innerText()).toContain('admin');
  expect(await tab.complaints()).toEqual([]);
  await tab.close();
});
