import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, CDPSession, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { axeFinds, launch, login, open, ready, type Tab } from './browser';
import { Installation, job } from './installation';

const on = new Installation();
let browser: Browser;
let tab: Tab;
let page: Page;
let device: CDPSession;
let trustFile = '';

beforeAll(async () => {
  browser = await launch();
  await on.start('--level', 'high');
  tab = await open(browser, on);
  page = tab.page;
  // A security key that isn't there: what it does is what WebAuthn says of real ones.
  device = await page.context().newCDPSession(page);
  await device.send('WebAuthn.enable');
  await device.send('WebAuthn.addVirtualAuthenticator', {
    options: {
      protocol: 'ctap2',
      transport: 'usb',
      hasResidentKey: false,
      hasUserVerification: true,
      isUserVerified: true,
      automaticPresenceSimulation: true,
    },
  });
  await login(page, on);
});
afterAll(async () => {
  // What is refused on purpose stands in the console of the browser.
  expect((await tab.complaints()).filter((c) => !c.includes('status of 422'))).toEqual([]);
  await browser?.close();
  await on.remove();
});

const parts = ['controller-1', 'agent-1', 'agent-2'];
const folder = (part: string) => join(on.dir, 'data', part, 'config/private/trusted-passkeys');

/** Has parts trust the passkey, or no longer. */
function trust(part: string, yes: boolean): void {
  mkdirSync(folder(part), { recursive: true, mode: 0o700 });
  const file = join(folder(part), 'blue.json');
  if (yes) writeFileSync(file, trustFile, { mode: 0o600 });
  else rmSync(file, { force: true });
}

/** Opens the dialog that deploys the draft of a workflow, and makes its release. */
async function makeRelease(path: string, script: string): Promise<void> {
  const file = join(on.dir, `${path}.workflow.json`);
  writeFileSync(file, JSON.stringify(job(script)));
  await on.signet('put', file);
  await page.goto(`/inventory?kind=Workflow&path=${path}`);
  await ready(page, 'object');
  await page.getByRole('button', { name: 'Deploy', exact: true }).click();
  await page.getByRole('textbox', { name: 'Reason' }).fill('by a touch');
  await page.getByRole('button', { name: 'Make release' }).click();
}

const sign = () => page.getByRole('button', { name: 'Sign with passkey' }).click();

it('says how to sign when there is no passkey', async () => {
  const file = join(on.dir, 'none.workflow.json');
  writeFileSync(file, JSON.stringify(job('true')));
  await on.signet('put', file);
  await page.goto('/inventory?kind=Workflow&path=none');
  await ready(page, 'object');
  await page.getByRole('button', { name: 'Deploy', exact: true }).click();
  await page.getByText('You have no passkey to sign with').waitFor();
  await page.getByText('signet deploy FOLDER --sign-with KEY').waitFor();
  expect(await page.getByRole('button', { name: 'Make release' }).isDisabled()).toBe(true);
  expect(await axeFinds(page)).toEqual([]);
});

it('registers a passkey, which nobody trusts yet', async () => {
  await page.goto('/profile');
  await ready(page, 'profile');
  await page.getByRole('button', { name: 'Add passkey' }).click();
  await page.getByRole('textbox', { name: 'Name of the passkey' }).fill('blue key');
  await page.getByRole('alertdialog').getByRole('button', { name: 'Add passkey' }).click();
  const key = page.getByRole('list', { name: 'Passkeys' }).getByRole('listitem');
  await key.getByText('blue key', { exact: true }).waitFor();
  await key.getByText('File for machines that are to trust it').first().click();
  trustFile = (await key.locator('pre').textContent()) ?? '';
  expect(JSON.parse(trustFile)).toMatchObject({
    name: 'blue key',
    owner: 'admin',
    rpId: 'localhost',
    origins: [on.url],
  });
  expect(await axeFinds(page)).toEqual([]);
  await makeRelease('first', 'echo one');
  await sign();
  await page.getByRole('alert').getByText('Nothing was changed').waitFor();
  await page.getByRole('alert').getByText("isn't trusted here").waitFor();
});

it('deploys by a touch, and the order runs', async () => {
  for (const part of parts) trust(part, true);
  await expect
    .poll(
      async () => {
        await makeRelease('first', 'echo two');
        await page.getByTestId('digest').waitFor();
        expect(await page.getByTestId('digest').textContent()).toMatch(/^([0-9A-F]{8} ){7}[0-9A-F]{8}$/);
        await sign();
        await page.getByText('1 object is deployed.').or(page.getByRole('alert')).first().waitFor();
        return page.getByText('1 object is deployed.').isVisible();
      },
      { timeout: 30_000 },
    )
    .toBe(true);
  expect(await axeFinds(page)).toEqual([]);
  await on.signet('order', 'add', 'first', '--wait=30s');
  expect(await on.signet('api', 'GET', '/items')).toContain('blue key of admin');
});

it('stops by itself when the server wants something else signed', async () => {
  await page.route('**/api/v1/releases/prepare*', async (route) => {
    const answer = await route.fetch();
    const body = (await answer.json()) as { objects: { document: string }[] };
    for (const o of body.objects) o.document = o.document.replace('echo three', 'echo evil!');
    await route.fulfill({ response: answer, json: body });
  });
  await makeRelease('third', 'echo three');
  await page.getByRole('alert').or(page.locator('.problem-line')).getByText("Don't touch your key").waitFor();
  expect(await page.getByRole('button', { name: 'Sign with passkey' }).count()).toBe(0);
  await page.unroute('**/api/v1/releases/prepare*');
});

it('is refused when the manifest is changed on its way', async () => {
  await page.route('**/api/v1/inventory/deploy', async (route) => {
    const sent = route.request().postDataJSON() as { release?: { document: string } };
    if (sent.release) sent.release.document = sent.release.document.replace('by a touch', 'by a thief');
    await route.continue({ postData: JSON.stringify(sent) });
  });
  await makeRelease('fourth', 'echo four');
  await sign();
  await page.getByRole('alert').getByText('touched for something else than this release').waitFor();
  await page.unroute('**/api/v1/inventory/deploy');
});

it('is refused by an Agent that does not trust the key', async () => {
  const looked = async () => (await on.signet('agent', 'log', 'agent-1')).split('trust set in force').length;
  const before = await looked();
  trust('agent-1', false);
  await expect.poll(looked, { timeout: 20_000 }).toBeGreaterThan(before);
  await makeRelease('fifth', 'echo five');
  await sign();
  await page.getByText('1 object is deployed.').waitFor();
  await on.signet('order', 'add', 'fifth', '--id', 'refused', '--wait=20s').catch(() => '');
  expect(await on.signet('order', 'show', 'refused', '-o', 'json')).toContain("isn't trusted here");
});

it('asks for nothing less than the owner: a touch alone is not enough', async () => {
  await device.send('WebAuthn.disable');
  await device.send('WebAuthn.enable');
  await device.send('WebAuthn.addVirtualAuthenticator', {
    options: { protocol: 'u2f', transport: 'usb', automaticPresenceSimulation: true },
  });
  await page.goto('/profile');
  await ready(page, 'profile');
  await page.getByRole('button', { name: 'Add passkey' }).click();
  await page.getByRole('textbox', { name: 'Name of the passkey' }).fill('old key');
  await page.getByRole('alertdialog').getByRole('button', { name: 'Add passkey' }).click();
  await page.getByRole('alertdialog').locator('.problem-line, [role=alert]').first().waitFor();
  expect(await page.getByRole('list', { name: 'Passkeys' }).getByText('old key').count()).toBe(0);
});
