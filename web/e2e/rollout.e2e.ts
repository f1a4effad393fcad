import { execFile } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { axeFinds, launch, login, open, ready, type Tab } from './browser';
import { Installation } from './installation';

// The roll-out that several persons do: each has an account of its own role, the signer
// has none at all, only a key.

const run = promisify(execFile);
const password = 'correct horse battery staple';
const dev = new Installation();
const prod = new Installation();
let browser: Browser;

beforeAll(async () => {
  browser = await launch();
  await Promise.all([dev.start(), prod.start('--level', 'high')]);
  const add = (on: Installation, name: string, role: string) =>
    on.signet('api', 'POST', '/accounts', '--data', JSON.stringify({ name, role, password }));
  await add(dev, 'dave', 'developer');
  await add(prod, 'dora', 'deployer');
  await add(prod, 'rosa', 'release-manager');
});
afterAll(async () => {
  await browser?.close();
  await dev.remove();
  await prod.remove();
});

async function as(account: string, on: Installation, locale = 'en-US'): Promise<Tab> {
  const tab = await open(browser, on, { locale });
  await login(tab.page, on, account, password, locale);
  return tab;
}

async function leave(tab: Tab): Promise<void> {
  expect(await tab.complaints()).toEqual([]);
  await tab.close();
}

/** Takes a picture to be looked at, where somebody wants one. */
async function look(page: Page, name: string): Promise<void> {
  const dir = process.env['SHOTS'];
  if (dir) await page.screenshot({ path: join(dir, `rollout-${name}.png`) });
}

const saved = (page: Page) =>
  page
    .getByRole('status', { name: 'Draft' })
    .getByText(/^Saved/)
    .waitFor();

/** Makes the draft of a workflow of one job, by forms. */
async function draft(page: Page, path: string, script: string): Promise<void> {
  await page.goto('/inventory');
  await ready(page, 'inventory');
  await page.getByRole('button', { name: 'Create workflow' }).click();
  await page.getByRole('textbox', { name: 'Path' }).fill(path);
  await page.getByRole('alertdialog').getByRole('button', { name: 'Create workflow' }).click();
  await ready(page, 'object');
  await page.getByRole('button', { name: 'Insert first step', exact: true }).click();
  await page.getByRole('combobox', { name: 'What comes here?' }).fill('job');
  await page.keyboard.press('Enter');
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  await page.getByRole('textbox', { name: 'Job name' }).fill('work');
  await page.keyboard.press('Enter');
  const form = page.getByRole('form', { name: 'Properties of job work' });
  await form.getByRole('textbox', { name: 'Script', exact: true }).fill(script);
  await form.getByLabel('Agent', { exact: true }).selectOption('agent-1');
  await saved(page);
}

/** Exports for signing from the dialog that is open, and returns the file. */
async function keep(page: Page, verb: string, name: string): Promise<string> {
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('alertdialog').getByRole('button', { name: verb, exact: true }).click(),
  ]);
  const file = join(dev.dir, name);
  await download.saveAs(file);
  return file;
}

const operator = () => join(prod.dir, 'data/operator');

async function importFile(page: Page, file: string): Promise<void> {
  await page.goto('/inventory');
  await ready(page, 'inventory');
  await page.getByRole('button', { name: 'Import', exact: true }).click();
  await page.getByLabel('Archive', { exact: false }).setInputFiles(file);
}

it('lets a developer export for signing, with a release', async () => {
  const tab = await as('dave', dev);
  const { page } = tab;
  await draft(page, 'nightly/load', 'echo first load');
  await draft(page, 'nightly/check', 'echo checking');
  await page.goto('/inventory?folder=nightly');
  await ready(page, 'inventory');
  for (const name of ['nightly/load', 'nightly/check']) {
    await page.getByRole('checkbox', { name: `Choose ${name}` }).check();
  }
  expect(await axeFinds(page)).toEqual([]);
  await page.getByRole('button', { name: 'Export 2 objects' }).click();
  await page.getByRole('radio', { name: 'To be signed' }).check();
  await page.getByRole('radio', { name: '.tar.gz' }).check();
  await page.getByRole('textbox', { name: 'Name of the release' }).fill('r-42');
  const next = JSON.parse(await prod.signet('api', 'GET', '/releases/next')) as { audience: string };
  await page.getByRole('textbox', { name: 'For the installation' }).fill(next.audience);
  await page.getByRole('textbox', { name: 'Reason' }).fill('as agreed');
  await look(page, 'export');
  expect(await axeFinds(page)).toEqual([]);
  await keep(page, 'Export', 'to-sign.tar.gz');
  await leave(tab);

  // Somebody signs the one file, on a machine without a network.
  const dir = join(dev.dir, 'signer');
  mkdirSync(dir);
  await run('tar', ['xzf', join(dev.dir, 'to-sign.tar.gz'), '-C', dir]);
  const script = `f=r-42.release.json
openssl dgst -sha512 -sign "$1/signing-key.pem" -out raw.sig "$f" && openssl base64 -in raw.sig -out "$f.sig" && rm raw.sig && cp "$1/signing-cert.pem" "$f.pem"
tar czf ../signed.tar.gz *`;
  await run('sh', ['-c', script, 'sign', operator()], { cwd: dir });
});

it('lets a deployer look at the signed archive and deploy it, as it was signed', async () => {
  const tab = await as('dora', prod);
  const { page } = tab;
  await importFile(page, join(dev.dir, 'signed.tar.gz'));
  await page.getByText('Your account may deploy what was signed').waitFor();
  // Another Agent's name would change what was signed.
  await page.getByText('Other names here').click();
  await page.getByRole('textbox', { name: 'Agents' }).fill('agent-1=agent-2');
  await page.getByRole('button', { name: 'Look at it' }).click();
  const refused = page.getByRole('region', { name: 'This would be refused:' });
  await refused.getByText('nightly/load.workflow.json').first().waitFor();
  expect(await page.getByRole('button', { name: /^Deploy 2 objects/ }).isDisabled()).toBe(true);
  await look(page, 'refused');
  expect(await axeFinds(page)).toEqual([]);
  await page.getByRole('textbox', { name: 'Agents' }).fill('');
  await page.getByRole('button', { name: 'Look at it' }).click();
  await page.locator('[data-key="Workflow:nightly/load"] [data-change=new]').waitFor();
  await page.getByText('By release r-42').first().waitFor();
  await page.getByRole('textbox', { name: 'Reason' }).fill('release 42');
  await look(page, 'preview');
  await page.getByRole('button', { name: 'Deploy 2 objects' }).click();
  await page.getByText('2 objects are deployed.').waitFor();
  await look(page, 'imported');
  expect(await axeFinds(page)).toEqual([]);
  await page.getByRole('dialog').getByRole('button', { name: 'Back' }).last().click();
  // She makes no drafts and starts no orders.
  expect(await page.getByRole('button', { name: 'Create workflow' }).getAttribute('aria-disabled')).toBe('true');
  await leave(tab);
  await prod.signet('order', 'add', 'nightly/load', '--id', 'L-1', '--wait');
  expect(await prod.signet('order', 'log', 'L-1')).toContain('first load');
});

it('tells a release manager who deployed and whose key has signed', async () => {
  const tab = await as('rosa', prod);
  const { page } = tab;
  await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Deployments' }).click();
  await ready(page, 'deployments');
  const shown = JSON.parse(await prod.signet('deployment', 'list', '--release', 'r-42', '-o', 'json')) as {
    id: number;
    account: string;
    signers: { name: string; key: string }[];
  }[];
  expect(shown.map((d) => [d.account, d.signers.length])).toEqual([['dora', 1]]);
  const id = shown[0]?.id ?? 0;
  const row = page.locator(`[data-key="${id}"]`);
  await row.getByText('dora').waitFor();
  await row.getByText(shown[0]?.signers[0]?.key ?? '?').waitFor();
  await row.getByText('r-42').waitFor();
  await look(page, 'deployments');
  expect(await axeFinds(page)).toEqual([]);
  await row.getByRole('link').first().click();
  await ready(page, 'deployment');
  await page.getByText('release 42').first().waitFor();
  await page.locator('[data-key="Workflow:nightly/load"]').getByRole('button', { name: 'Differences' }).click();
  await page.getByText('first load').first().waitFor();
  await page.getByText('Signature', { exact: true }).first().click();
  await look(page, 'deployment');
  expect(await axeFinds(page)).toEqual([]);
  // She looks; she doesn't deploy, nor import.
  for (const name of ['Deploy again', 'Withdraw']) {
    expect(await page.getByRole('button', { name, exact: true }).getAttribute('aria-disabled')).toBe('true');
  }
  await page.goto('/inventory');
  await ready(page, 'inventory');
  expect(await page.getByRole('button', { name: 'Import', exact: true }).getAttribute('aria-disabled')).toBe('true');
  await leave(tab);
});

it('rolls a second version out, signed by signet, and goes back from the page', async () => {
  const developer = await as('dave', dev);
  await developer.page.goto('/inventory?kind=Workflow&path=nightly%2Fload&at=%2Finstructions%2F0');
  await ready(developer.page, 'object');
  await developer.page.getByRole('textbox', { name: 'Script', exact: true }).fill('echo second load');
  await saved(developer.page);
  await developer.page.getByRole('button', { name: 'More', exact: true }).last().click();
  await developer.page.getByRole('menuitem', { name: 'Export' }).click();
  await developer.page.getByRole('radio', { name: 'To be signed' }).check();
  await developer.page.getByRole('radio', { name: '.tar.gz' }).check();
  await developer.page.getByRole('textbox', { name: 'Reason' }).fill('faster');
  await keep(developer.page, 'Export', 'second.tar.gz');
  await leave(developer);

  const dir = join(dev.dir, 'second');
  mkdirSync(dir);
  await run('tar', ['xzf', join(dev.dir, 'second.tar.gz'), '-C', dir]);
  const sign = ['sign', '--key', join(operator(), 'signing-key.pem'), '--cert', join(operator(), 'signing-cert.pem')];
  await prod.signet(...sign, dir);
  await run('sh', ['-c', 'tar czf ../second-signed.tar.gz *'], { cwd: dir });

  const tab = await as('dora', prod);
  const { page } = tab;
  await importFile(page, join(dev.dir, 'second-signed.tar.gz'));
  await page.getByRole('button', { name: 'Look at it' }).click();
  await page.locator('[data-key="Workflow:nightly/load"] [data-change=changed]').waitFor();
  await page.getByRole('textbox', { name: 'Reason' }).fill('faster');
  await page.getByRole('button', { name: 'Deploy 1 object' }).click();
  await page.getByText('1 object is deployed.').waitFor();
  await page.getByRole('dialog').getByRole('button', { name: 'Back' }).last().click();
  await prod.signet('order', 'add', 'nightly/load', '--id', 'L-2', '--wait');
  expect(await prod.signet('order', 'log', 'L-2')).toContain('second load');

  // Back to what the release brought, from the object's versions.
  await page.goto('/inventory?kind=Workflow&path=nightly%2Fload&tab=versions');
  await ready(page, 'object');
  await page
    .getByRole('link', { name: /^in deployment/ })
    .last()
    .click();
  await ready(page, 'deployment');
  await page.getByText('release 42').first().waitFor();
  await page.getByRole('button', { name: 'Deploy again', exact: true }).click();
  const dialog = page.getByRole('alertdialog');
  await dialog.getByText('with the signatures that they had').waitFor();
  await dialog.getByText('nightly/load').waitFor();
  await dialog.getByRole('textbox', { name: 'Reason' }).fill('the new one is slower');
  await look(page, 'redeploy');
  expect(await axeFinds(page)).toEqual([]);
  await dialog.getByRole('button', { name: 'Deploy again' }).click();
  await dialog.waitFor({ state: 'detached' });
  await page.getByText('the new one is slower').waitFor();
  await prod.signet('order', 'add', 'nightly/load', '--id', 'L-3', '--wait');
  expect(await prod.signet('order', 'log', 'L-3')).toContain('first load');

  // And out of service.
  await page.getByRole('button', { name: 'Withdraw', exact: true }).click();
  await dialog.getByRole('textbox', { name: 'Reason' }).fill('no longer needed');
  await look(page, 'withdraw');
  expect(await axeFinds(page)).toEqual([]);
  await dialog.getByRole('button', { name: 'Withdraw 1 object' }).click();
  await dialog.waitFor({ state: 'detached' });
  await page.getByText('no longer deployed').waitFor();
  const left = JSON.parse(await prod.signet('workflow', 'list', '-o', 'json')) as { path: string }[];
  expect(left.map((w) => w.path)).toEqual(['nightly/check']);
  await leave(tab);
});

it('tells of refused deployments, in German, in the dark and on a phone', async () => {
  // A document that nobody has signed.
  const dir = join(prod.dir, 'unsigned');
  mkdirSync(dir);
  writeFileSync(join(dir, 'gone.json'), JSON.stringify({ objects: [{ kind: 'Workflow', path: 'nightly/load' }] }));
  await prod
    .signet('api', 'POST', '/deployments/revoke', '--data', `@${join(dir, 'gone.json')}`)
    .catch(() => undefined); // it isn't there any more
  const tab = await open(browser, prod, {
    locale: 'de-DE',
    colorScheme: 'dark',
    viewport: { width: 390, height: 844 },
  });
  const { page } = tab;
  await login(page, prod, 'rosa', password, 'de-DE');
  await page.goto('/deployments?show=refused');
  await ready(page, 'deployments');
  await page.getByText('UnknownKey').first().waitFor();
  await look(page, 'phone-refused');
  expect(await axeFinds(page)).toEqual([]);
  await page.goto('/deployments');
  await ready(page, 'deployments');
  await look(page, 'phone-deployments');
  expect(await axeFinds(page)).toEqual([]);
  await page.getByRole('link', { name: '1', exact: true }).click();
  await ready(page, 'deployment');
  await look(page, 'phone-deployment');
  expect(await axeFinds(page)).toEqual([]);
  await leave(tab);
});
