import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { axeFinds, launch, login, open, ready } from './browser';
import { Installation, job } from './installation';

const on = new Installation();
const password = 'only for this test';
let browser: Browser;

beforeAll(async () => {
  browser = await launch();
  await on.start('--level', 'medium');
  for (const name of ['anna', 'bob']) {
    await on.signet('api', 'POST', '/accounts', '--data', JSON.stringify({ name, role: 'developer', password }));
  }
});
afterAll(async () => {
  await browser?.close();
  await on.remove();
});

/** Deploys the draft of a workflow from its page. */
async function deploy(account: string, path: string, getKey: (page: Page) => Promise<void>) {
  const tab = await open(browser, on);
  const { page } = tab;
  await login(page, on, account, password);
  await page.goto('/profile');
  await ready(page, 'profile');
  await page.getByText('You have no signing key').waitFor();
  await getKey(page);
  expect(await axeFinds(page)).toEqual([]);
  const file = join(on.dir, `${path}.workflow.json`);
  writeFileSync(file, JSON.stringify(job('true')));
  await on.signet('put', file);
  await page.goto(`/inventory?kind=Workflow&path=${path}`);
  await ready(page, 'object');
  await page.getByRole('button', { name: 'Deploy', exact: true }).click();
  await page.getByRole('textbox', { name: 'Reason' }).fill('first of all');
  await page.getByRole('dialog').getByRole('button', { name: 'Deploy 1 object' }).click();
  await page.getByText('1 object is deployed.').waitFor();
  return tab;
}

it('gives two persons keys of their own, and tells what each has signed', async () => {
  const anna = await deploy('anna', 'ones', async (page) => {
    await page.getByRole('button', { name: 'Create key' }).click();
    await page.getByRole('alertdialog').getByRole('button', { name: 'Create key' }).click();
    await page.getByRole('region', { name: 'Signing key' }).getByText('Made here').waitFor();
  });
  const bob = await deploy('bob', 'twos', async (page) => {
    const out = join(on.dir, 'bobs');
    await on.signet('ca', 'issue', 'signer', 'bobs-key', '--dir', join(on.dir, 'data/ca'), '--out', out);
    await page.getByRole('button', { name: 'Import key' }).click();
    const dialog = page.getByRole('alertdialog');
    await dialog.getByLabel(/^Private key/).setInputFiles(join(out, 'signing-key.pem'));
    await dialog.getByLabel(/^Certificate/).setInputFiles(join(out, 'signing-cert.pem'));
    await dialog.getByRole('button', { name: 'Import key' }).click();
    await page.getByRole('region', { name: 'Signing key' }).getByText('bobs-key').waitFor();
  });
  const { items } = JSON.parse(await on.signet('api', 'GET', '/items')) as {
    items: { path: string; signer: string }[];
  };
  const signer = (path: string) => items.find((i) => i.path === path)?.signer;
  expect(signer('ones')).toMatch(/^anna /);
  expect(signer('twos')).toMatch(/^bobs-key /);
  await on.signet('order', 'add', 'ones', '--wait');
  await on.signet('order', 'add', 'twos', '--wait');

  // Withdrawing one's key takes back what it has signed, and only that.
  const { page } = anna;
  await page.goto('/profile');
  await page.getByRole('button', { name: 'Withdraw key' }).click();
  await page.getByText('in quarantine at Controllers and Agents').waitFor();
  expect(await axeFinds(page)).toEqual([]);
  await page.getByRole('alertdialog').getByRole('button', { name: 'Withdraw key' }).click();
  await page.getByText('You have no signing key').waitFor();
  await expect.poll(() => on.signet('api', 'GET', '/items'), { timeout: 20_000 }).toContain('RevokedSigner');
  await on.signet('order', 'add', 'twos', '--wait');
  for (const tab of [anna, bob]) {
    expect(await tab.complaints()).toEqual([]);
    await tab.close();
  }
});
