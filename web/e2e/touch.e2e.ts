import { execFile } from 'node:child_process';
import { createHash, createPublicKey } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import type { Browser, CDPSession, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { axeFinds, launch, login, open, ready, type Tab } from './browser';
import { Installation, job } from './installation';

const run = promisify(execFile);
const password = 'correct horse battery staple';
const on = new Installation();
let browser: Browser;
let tab: Tab;
let page: Page;
let device: CDPSession;
let trustFile = '';

/** Gives a page a security key that isn't there: what it does is what WebAuthn says of real ones. */
async function withKey(page: Page): Promise<CDPSession> {
  const device = await page.context().newCDPSession(page);
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
  return device;
}

beforeAll(async () => {
  browser = await launch();
  await on.start('--level', 'high');
  tab = await open(browser, on);
  page = tab.page;
  device = await withKey(page);
  await login(page, on);
});
afterAll(async () => {
  // What is refused on purpose stands in the console of the browser.
  expect((await tab.complaints()).filter((c) => !c.includes('status of 422'))).toEqual([]);
  await browser?.close();
  await on.remove();
});

/** Takes pictures to be looked at, where somebody wants them: light, dark and narrow. */
async function look(name: string, of = page): Promise<void> {
  const dir = process.env['SHOTS'];
  if (!dir) return;
  for (const [how, width, colorScheme] of [
    ['light', 1440, 'light'],
    ['dark', 1440, 'dark'],
    ['narrow', 390, 'light'],
  ] as const) {
    await of.setViewportSize({ width, height: 900 });
    await of.emulateMedia({ colorScheme });
    await of.screenshot({ path: join(dir, `touch-${name}-${how}.png`), fullPage: true });
  }
  await of.setViewportSize({ width: 1440, height: 900 });
  await of.emulateMedia({ colorScheme: null });
}

const parts = ['controller-1', 'agent-1', 'agent-2'];
const folder = (part: string) => join(on.dir, 'data', part, 'config/private/trusted-passkeys');

/** Has parts trust the passkey, or no longer. */
function trust(part: string, yes: boolean): void {
  mkdirSync(folder(part), { recursive: true, mode: 0o700 });
  const file = join(folder(part), 'blue.json');
  if (yes) writeFileSync(file, trustFile, { mode: 0o600 });
  else rmSync(file, { force: true });
}

/** Puts the draft of a workflow into the inventory. */
async function draft(path: string, script: string): Promise<void> {
  const root = mkdtempSync(join(on.dir, 'draft-'));
  const file = join(root, `${path}.workflow.json`);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, JSON.stringify(job(script)));
  await on.signet('put', root);
}

/** Opens the dialog that deploys the draft of a workflow, and makes its release. */
async function makeRelease(path: string, script: string): Promise<void> {
  await draft(path, script);
  await page.goto(`/inventory?kind=Workflow&path=${path}`);
  await ready(page, 'object');
  await page.getByRole('button', { name: 'Deploy', exact: true }).click();
  await page.getByRole('textbox', { name: 'Reason' }).fill('by a touch');
  await page.getByRole('button', { name: 'Make release' }).click();
}

const sign = (on = page) => on.getByRole('button', { name: 'Sign with passkey' }).click();

/** What stands above the objects of a release. */
const release = (on = page) => on.getByRole('region', { name: 'Release', exact: true });

/** Signs, and waits until it is deployed. */
async function deploys(): Promise<void> {
  await ready(page, 'release');
  await sign();
  await ready(page, 'deployment');
}

it('says how to sign when there is no passkey', async () => {
  const file = join(on.dir, 'none.workflow.json');
  writeFileSync(file, JSON.stringify(job('true')));
  await on.signet('put', file);
  await page.goto('/inventory?kind=Workflow&path=none');
  await ready(page, 'object');
  await page.getByRole('button', { name: 'Deploy', exact: true }).click();
  await page.getByText('You have no passkey to sign with').waitFor();
  await page.getByText('signet deploy FOLDER --sign-with KEY').waitFor();
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
  await ready(page, 'release');
  await sign();
  await page.getByText("isn't trusted here").waitFor();
  expect(await page.getByRole('list', { name: 'Signatures' }).getByText('admin').count()).toBe(1);
});

it('gives up a release', async () => {
  await page.getByRole('button', { name: 'Give up' }).click();
  await page.getByRole('alertdialog').getByRole('button', { name: 'Give up' }).click();
  await page.getByText('No release waits for signatures').waitFor();
});

it('deploys by a touch, and the order runs', async () => {
  for (const part of parts) trust(part, true);
  await makeRelease('first', 'echo two');
  await ready(page, 'release');
  expect(await page.getByTestId('digest').textContent()).toMatch(/^([0-9A-F]{8} ){7}[0-9A-F]{8}$/);
  await page.getByText('1 of 1 looked at').waitFor();
  await look('release-new');
  expect(await axeFinds(page)).toEqual([]);
  const deployed = page.locator('main[data-view="deployment"]');
  await expect
    .poll(
      async () => {
        await page.getByRole('button', { name: /^Sign/ }).first().click();
        await deployed.or(page.getByText("isn't trusted here")).first().waitFor();
        return deployed.isVisible();
      },
      { timeout: 30_000 },
    )
    .toBe(true);
  await on.signet('order', 'add', 'first', '--wait=30s');
  expect(await on.signet('api', 'GET', '/items')).toContain('blue key of admin');
});

it('brings an earlier version again as a release, and tells what it changes', async () => {
  await makeRelease('first', 'echo something else');
  await ready(page, 'release');
  const differences = page.getByRole('region', { name: 'What changes in first' });
  await differences.getByText('echo something else').first().waitFor();
  await look('release-changed');
  await deploys();
  await page.goto('/inventory?kind=Workflow&path=first&tab=versions');
  await ready(page, 'object');
  await page.getByRole('table', { name: 'Versions' }).getByRole('button', { name: 'Make release' }).nth(1).click();
  await page.getByRole('textbox', { name: 'Reason' }).fill('back to what ran');
  await page.getByRole('alertdialog').getByRole('button', { name: 'Make release' }).click();
  await ready(page, 'release');
  await differences.getByText('echo two').first().waitFor();
  await deploys();
  await on.signet('order', 'add', 'first', '--id', 'back', '--wait=30s');
  expect(await on.signet('order', 'log', 'back')).toContain('two');
});

it('brings an earlier deployment again as a release where its signature counts no more', async () => {
  const all = JSON.parse(await on.signet('api', 'GET', '/deployments?path=first')) as { deployments: { id: number }[] };
  await page.goto(`/deployments/${all.deployments[1]?.id}`);
  await ready(page, 'deployment');
  await page.getByRole('button', { name: 'Deploy again' }).click();
  await page.getByText('the old texts come as a new release').waitFor();
  await page.getByRole('textbox', { name: 'Reason' }).fill('once more');
  await page.getByRole('alertdialog').getByRole('button', { name: 'Make release' }).click();
  await deploys();
  expect(await on.signet('api', 'GET', '/inventory/object?kind=Workflow&path=first&source=deployed')).toContain(
    'echo something else',
  );
});

it('tells when a passkey was used, and renames it', async () => {
  await page.goto('/profile');
  await ready(page, 'profile');
  const key = page.getByRole('list', { name: 'Passkeys' }).getByRole('listitem');
  await key.getByText('Last signed').waitFor();
  await key.getByRole('button', { name: 'Rename' }).click();
  await page.getByRole('textbox', { name: 'Name of the passkey' }).fill('navy key');
  await page.getByRole('alertdialog').getByRole('button', { name: 'Rename' }).click();
  await key.getByText('navy key', { exact: true }).waitFor();
  await look('profile');
  expect(await axeFinds(page)).toEqual([]);
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

it('stops by itself when a release is shown as another than it is', async () => {
  await page.route(/releases\/\d+$/, async (route) => {
    const answer = await route.fetch();
    const body = (await answer.json()) as { release: { author: string } };
    body.release.author = 'somebody else';
    await route.fulfill({ response: answer, json: body });
  });
  await makeRelease('third', 'echo three');
  await page.getByRole('alert').getByText("Don't touch your key").waitFor();
  await look('wrong');
  expect(await axeFinds(page)).toEqual([]);
  expect(await page.getByRole('button', { name: 'Sign with passkey' }).count()).toBe(0);
  await page.unroute(/releases\/\d+$/);
});

it('is refused when another release is put under the touch', async () => {
  await page.route(/releases\/\d+\/signatures$/, async (route) => {
    const id = Number(/\d+(?=\/signatures)/.exec(route.request().url())?.[0]);
    await route.continue({
      url: route
        .request()
        .url()
        .replace(`/${id}/`, `/${id - 1}/`),
    });
  });
  await makeRelease('fourth', 'echo four');
  await ready(page, 'release');
  const other = Number(page.url().split('/').at(-1)) - 1;
  await page.getByRole('checkbox', { name: 'Only sign' }).check();
  const kept = page.waitForResponse((r) => r.url().endsWith('/signatures'));
  await sign();
  await kept;
  await page.unroute(/releases\/\d+\/signatures$/);
  await page.goto(`/deployments/releases/${other}`);
  await ready(page, 'release');
  await page.getByRole('button', { name: 'Deploy 1 object' }).click();
  await page.getByRole('alert').getByText('touched for something else than this release').waitFor();
});

it('is refused by an Agent that does not trust the key', async () => {
  const looked = async () => (await on.signet('agent', 'log', 'agent-1')).split('trust set in force').length;
  const before = await looked();
  trust('agent-1', false);
  await expect.poll(looked, { timeout: 20_000 }).toBeGreaterThan(before);
  await makeRelease('fifth', 'echo five');
  await deploys();
  await on.signet('order', 'add', 'fifth', '--id', 'refused', '--wait=20s').catch(() => '');
  expect(await on.signet('order', 'show', 'refused', '-o', 'json')).toContain("isn't trusted here");
});

/** A person with an account, a browser and a key of their own, which all parts trust. */
async function person(name: string): Promise<Page> {
  await on.signet('api', 'POST', '/accounts', '--data', JSON.stringify({ name, role: 'deployer', password }));
  const theirs = await open(browser, on, { locale: name === 'eve' ? 'de-DE' : 'en-US' });
  await withKey(theirs.page);
  await login(theirs.page, on, name, password, name === 'eve' ? 'de-DE' : 'en-US');
  await theirs.page.goto('/profile');
  await ready(theirs.page, 'profile');
  const [add, label] =
    name === 'eve' ? ['Passkey hinzufügen', 'Name des Passkeys'] : ['Add passkey', 'Name of the passkey'];
  await theirs.page.getByRole('button', { name: add }).click();
  await theirs.page.getByRole('textbox', { name: label }).fill(`key of ${name}`);
  await theirs.page.getByRole('alertdialog').getByRole('button', { name: add }).click();
  const file = theirs.page.getByRole('list', { name: 'Passkeys' }).locator('pre');
  await file.waitFor({ state: 'attached' });
  const text = (await file.textContent()) ?? '';
  for (const part of parts) writeFileSync(join(folder(part), `${name}.json`), text, { mode: 0o600 });
  return theirs.page;
}

/** The id of a key, as a trust policy names it. */
const idOf = (publicKey: string | Buffer) =>
  createHash('sha256')
    .update(createPublicKey(publicKey).export({ type: 'spki', format: 'der' }))
    .digest('hex');

/** Puts a trust policy into force at all parts, signed by a root key. */
async function rule(): Promise<void> {
  const key = (name: string) =>
    idOf(
      (JSON.parse(readFileSync(join(folder('agent-1'), `${name}.json`), 'utf8')) as { publicKey: string }).publicKey,
    );
  const next = JSON.parse(await on.signet('api', 'GET', '/releases/next')) as { audience: string };
  const signers = ['admin', 'dora', 'eve'];
  const root = join(on.dir, 'root');
  const text = JSON.stringify({
    TYPE: 'TrustPolicy',
    version: 1,
    audience: [next.audience],
    issued: new Date(Date.now() - 60_000).toISOString().replace(/\.\d+Z/, 'Z'),
    persons: {
      admin: { keys: [key('blue')] },
      dora: { keys: [key('dora')] },
      eve: { keys: [key('eve')] },
      operator: { keys: [idOf(readFileSync(join(on.dir, 'data/operator/signing-cert.pem')))] },
    },
    rules: [
      { name: 'payments', folders: ['/payments'], signers, threshold: 2, authorDiffers: true },
      { name: 'rest', folders: ['/'], except: ['/payments'], signers: [...signers, 'operator'] },
    ],
  });
  mkdirSync(root);
  writeFileSync(join(root, 'trust-policy.json'), text);
  await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'root', '-f', join(root, 'key')]);
  await run('ssh-keygen', [
    '-q',
    '-Y',
    'sign',
    '-f',
    join(root, 'key'),
    '-n',
    'signet',
    join(root, 'trust-policy.json'),
  ]);
  for (const part of parts) {
    const at = join(on.dir, 'data', part, 'config/private');
    const put = (name: string, from: string) => writeFileSync(join(at, name), readFileSync(from), { mode: 0o600 });
    put('trust-policy.json.sshsig', join(root, 'trust-policy.json.sig'));
    put('trust-policy.json', join(root, 'trust-policy.json'));
    mkdirSync(join(at, 'policy-root'), { mode: 0o700 });
    put('policy-root/key.pub', join(root, 'key.pub'));
  }
  for (const part of parts) {
    const log = part.startsWith('agent') ? ['agent', 'log', part] : ['controller', 'log', part];
    await expect.poll(async () => on.signet(...log), { timeout: 30_000 }).toContain('policy');
  }
}

it('is deployed when two persons have signed whom the trust policy names, and neither is its author', async () => {
  trust('agent-1', true);
  const [dora, eve] = [await person('dora'), await person('eve')];
  await rule();
  await makeRelease('payments/daily', 'echo paid');
  await ready(page, 'release');
  await page.getByText('You have put it together').waitFor();

  // The author's touch doesn't count, nor does one alone of another.
  await sign();
  await page.getByText('demands 2 of admin, dora, eve, and none of them has signed').first().waitFor();
  await dora.goto('/deployments');
  await ready(dora, 'deployments');
  await dora.getByRole('link', { name: /releases? waits? for signatures/ }).click();
  await dora.getByRole('row', { name: /admin/ }).first().waitFor();
  await look('waiting', dora);
  expect(await axeFinds(dora)).toEqual([]);
  await dora.goto(new URL(page.url()).pathname);
  await ready(dora, 'release');
  await dora.getByRole('region', { name: 'What changes in payments/daily' }).getByText('echo paid').first().waitFor();
  expect(await release(dora).getAttribute('data-digest')).toBe(await release().getAttribute('data-digest'));
  await sign(dora);
  await dora.getByText('demands 2 of admin, dora, eve, and only dora has signed').first().waitFor();
  await look('one', dora);
  expect(await axeFinds(dora)).toEqual([]);
  await expect(on.signet('order', 'add', 'payments/daily', '--wait=30s')).rejects.toThrow();

  // With a second one it is deployed, and runs on the Agent that judges by itself.
  await eve.goto(new URL(page.url()).pathname);
  await ready(eve, 'release');
  await look('german', eve);
  await eve.getByRole('button', { name: 'Mit Passkey signieren' }).click();
  await ready(eve, 'deployment');
  await on.signet('order', 'add', 'payments/daily', '--id', 'paid', '--wait=30s');
  expect(await on.signet('order', 'log', 'paid')).toContain('paid');
  await page.getByText("doesn't wait any more").waitFor();
  const items = await on.signet('api', 'GET', '/items');
  for (const signer of ['key of dora', 'key of eve', 'blue key of admin']) expect(items).toContain(signer);
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
