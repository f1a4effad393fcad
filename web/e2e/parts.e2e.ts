import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { axeFinds, launch, login, open, ready } from './browser';
import { Installation, job } from './installation';

const on = new Installation();
let browser: Browser;

beforeAll(async () => {
  browser = await launch();
  await on.start();
});
afterAll(async () => {
  await browser?.close();
  await on.remove();
});

const limited = {
  instructions: [{ TYPE: 'Execute.Named', jobName: 'work', label: 'work' }],
  jobs: {
    work: {
      agentPath: 'agent-1',
      processLimit: 1,
      executable: { TYPE: 'ShellScriptExecutable', script: 'echo begun; sleep 600' },
    },
  },
};

/** How many bytes came over the network since the begin, as the browser counts them. */
async function counted(page: Page): Promise<() => number> {
  const session = await page.context().newCDPSession(page);
  let bytes = 0;
  session.on('Network.loadingFinished', (e) => {
    bytes += e.encodedDataLength;
  });
  await session.send('Network.enable');
  return () => bytes;
}

it('says on every page of an empty installation what to do first, within the budget', async () => {
  const tab = await open(browser, on);
  const { page } = tab;
  const bytes = await counted(page);
  await login(page, on);
  const steps = page.getByRole('region', { name: 'First steps' });
  await steps.getByRole('link', { name: 'Create a workflow and deploy it' }).waitFor();
  expect(await steps.locator('[data-done="true"]').count()).toBe(1);
  await page.waitForLoadState('networkidle', { timeout: 1000 }).catch(() => undefined); // the stream of news stays open
  const first = bytes();
  console.log(`first page (login and dashboard): ${Math.round(first / 1024)} KiB`);
  expect(first).toBeGreaterThan(100 << 10); // something was counted
  expect(first).toBeLessThanOrEqual(260 << 10);
  const says = {
    workflows: /No workflows/,
    orders: /No orders/,
    history: /Nothing ran/,
  };
  for (const [view, text] of Object.entries(says)) {
    await page.goto(`/${view}`);
    await ready(page, view);
    await page.locator('.message h2').filter({ hasText: text }).waitFor();
    expect((await page.locator('.message p').first().innerText()).length, view).toBeGreaterThan(20);
  }
  await page.goto('/inventory');
  await ready(page, 'inventory');
  await page
    .getByRole('button', { name: /Create/ })
    .first()
    .waitFor();
  expect(await tab.complaints()).toEqual([]);
  await tab.close();
});

it('shows of an Agent what runs, what waits, its certificates and its log', async () => {
  await on.deploy('slow', limited);
  await on.signet('order', 'add', 'slow', '--id', 'S', '--count', '3');
  const tab = await open(browser, on);
  const { page } = tab;
  await login(page, on);
  await page.goto('/agents');
  await ready(page, 'agents');
  await page.getByRole('table', { name: 'Cockpits' }).getByText('Runs the services').waitFor();
  expect(await axeFinds(page)).toEqual([]);
  await page.getByRole('link', { name: /^Which certificates these parts use/ }).click();
  await page.getByRole('table', { name: 'In use' }).getByText('signet://controller/controller-1').waitFor();
  await page.goBack();
  await ready(page, 'agents');
  await page.getByRole('table', { name: 'Agents' }).getByRole('link', { name: 'agent-1' }).click();
  await ready(page, 'agent');
  const running = page.getByRole('table', { name: 'Processes' }).locator('[data-key="S-1"]');
  await running.waitFor();
  const pid = /\d{2,}$/.exec((await running.innerText()).trim())?.[0] ?? '';
  expect(readFileSync(`/proc/${pid}/environ`).toString()).toContain('SIGNET'); // it is a process of a job
  const queue = page.getByRole('table', { name: 'Queue' });
  await queue.locator('[data-key="S-3"]').getByText('The job is full').waitFor();
  expect(await axeFinds(page)).toEqual([]);
  await page.getByRole('tab', { name: 'Log' }).click();
  const log = page.getByRole('log', { name: 'Log of agent-1' });
  await log.getByText('serving part=agent').waitFor();
  await page.getByRole('searchbox', { name: 'Find in log' }).fill('trust set');
  await log.getByText('trust set in force').first().waitFor();
  expect(await log.getByText('serving part=agent').count()).toBe(0);
  expect(page.url()).toContain('tab=log');
  await page.goto('/controllers/controller-1?tab=log');
  await page.getByRole('log').getByText('the Agent is coupled').first().waitFor();
  await page.goto('/cockpits/cockpit?tab=log');
  await page.getByRole('log').getByText('the Cockpit serves').waitFor();
  expect(await tab.complaints()).toEqual([]);
  await tab.close();
});

it('shows which part holds which revocation list, and which policy is in force', async () => {
  const tab = await open(browser, on);
  const { page } = tab;
  await login(page, on);
  await page.goto('/agents');
  await ready(page, 'agents');
  const sent = page.getByRole('table', { name: 'Revocation lists and trust policy' });
  const nodes = sent.getByRole('row').filter({ hasText: 'node issuer' });
  await nodes.getByText('Up to date').waitFor();
  await nodes.getByText(/[3-9] parts have it/).waitFor();
  expect(await axeFinds(page)).toEqual([]);
  for (const part of ['agents/agent-1', 'controllers/controller-1', 'cockpits/cockpit']) {
    await page.goto(`/${part}`);
    const held = page.getByRole('table', { name: 'Revocation lists and trust policy' });
    const list = held.getByRole('row').filter({ hasText: 'node issuer' });
    await list.getByText('Up to date').waitFor();
    const [here, newest] = await list.locator('.number').allInnerTexts();
    expect(here, part).toBe(newest);
    expect(await held.getByText('the trust directories alone decide').count(), part).toBe(
      part.startsWith('cock') ? 0 : 1,
    );
    expect(await axeFinds(page)).toEqual([]);
  }
  expect(await tab.complaints()).toEqual([]);
  await tab.close();
});

it('says what a reset does, and disables and enables an Agent', async () => {
  const tab = await open(browser, on);
  const { page } = tab;
  await login(page, on);
  await page.goto('/agents/agent-2');
  await ready(page, 'agent');
  await page.getByRole('button', { name: 'Reset Agent' }).click();
  const dialog = page.getByRole('alertdialog');
  await dialog.getByText('Empty its data directory').waitFor();
  await dialog.getByRole('button', { name: 'Back' }).click();
  await page.getByRole('button', { name: 'Disable Agent' }).click();
  await page.getByRole('alertdialog').getByLabel('Reason').fill('maintenance');
  await page.getByRole('alertdialog').getByRole('button', { name: 'Disable Agent' }).click();
  await page.locator('[data-status="Disabled"]').waitFor();
  await page.getByRole('button', { name: 'Enable Agent' }).click();
  await page.getByRole('alertdialog').getByRole('button', { name: 'Enable Agent' }).click();
  await page.locator('[data-status="Connected"]').waitFor();
  await tab.close();
});

it('opens the map of keys, and the profile', async () => {
  const tab = await open(browser, on);
  const { page } = tab;
  await login(page, on);
  await page.keyboard.press('?');
  const keys = page.getByRole('dialog', { name: 'Keys' });
  await keys.getByText('Go to').waitFor();
  await page.keyboard.press('Escape');
  await keys.waitFor({ state: 'detached' });
  await page.getByRole('button', { name: 'Account of admin' }).click();
  await page.getByRole('menuitem', { name: 'Profile' }).click();
  await ready(page, 'profile');
  await page.getByText('Administrator').waitFor();
  expect(await axeFinds(page)).toEqual([]);
  await page.getByRole('combobox', { name: 'Language' }).click();
  await page.getByRole('option', { name: 'Deutsch' }).click();
  await page.getByRole('heading', { name: 'Sie dürfen' }).waitFor();
  expect(await tab.complaints()).toEqual([]);
  await tab.close();
});

/** Finds the process of a part of this installation. */
function processOf(part: string): number {
  for (const pid of readdirSync('/proc').filter((d) => /^\d+$/.test(d))) {
    try {
      const line = readFileSync(`/proc/${pid}/cmdline`).toString().split('\0');
      if (line.includes('serve') && line.includes(part) && line.some((a) => a.startsWith(on.dir))) return Number(pid);
    } catch {
      // It has ended in between.
    }
  }
  throw new Error(`no process of the ${part}`);
}

it('says of a Controller that does not answer what is known, and what cannot be done', async () => {
  const tab = await open(browser, on);
  const { page } = tab;
  await login(page, on);
  await page.goto('/agents');
  await ready(page, 'agents');
  const pid = processOf('controller');
  process.kill(pid, 'SIGSTOP');
  try {
    const outage = page.getByRole('status', { name: 'Controller out of reach' });
    await outage.getByText(/What you see is as of/).waitFor({ timeout: 60_000 });
    expect(await outage.innerText()).toContain("orders can't be added or changed");
    await page.locator('[data-status="Unreachable"]').waitFor();
    // The Agents are still there, with the time.
    await page.getByRole('table', { name: 'Agents' }).getByRole('link', { name: 'agent-1' }).waitFor();
    await page.getByText(/This is how it was at/).waitFor({ timeout: 60_000 });
    // A page that is opened now comes, too.
    await page.goto('/');
    await ready(page, 'dashboard');
    await page.getByRole('region', { name: 'Orders now' }).waitFor();
  } finally {
    process.kill(pid, 'SIGCONT');
  }
  await page.getByRole('status', { name: 'Controller out of reach' }).waitFor({ state: 'detached', timeout: 60_000 });
  await tab.close();
});

it('opens a log of 100 MB at once, with few lines in memory', async () => {
  await on.deploy('big', job('yes "$(printf %0199d 7)" | head -c 100000000; echo last line'));
  await on.signet('order', 'add', 'big', '--id', 'big', '--wait');
  const tab = await open(browser, on);
  const { page } = tab;
  await login(page, on);
  await page.goto('/orders/big?tab=log');
  const log = page.getByRole('log');
  await log.locator('[data-line="1"]').waitFor();
  await log.focus();
  await page.keyboard.press('End');
  await log.getByText('last line').waitFor();
  expect(await page.locator('[data-line]').count()).toBeLessThan(2000);
  const session = await page.context().newCDPSession(page);
  const { usedSize } = (await session.send('Runtime.getHeapUsage')) as { usedSize: number };
  expect(usedSize).toBeLessThan(100 << 20);
  expect(await tab.complaints()).toEqual([]);
  await tab.close();
});

it('opens a workflow of 2,000 instructions', async () => {
  const instructions = Array.from({ length: 2000 }, (_, i) => ({
    TYPE: 'Execute.Named',
    jobName: 'work',
    label: `step-${i}`,
  }));
  const one = job('true') as { jobs: object };
  await on.deploy('wide', { instructions, jobs: one.jobs });
  const tab = await open(browser, on);
  const { page } = tab;
  await login(page, on);
  await page.goto('/workflows/wide');
  await ready(page, 'workflow');
  await page.locator('[data-testid="node"]').first().waitFor();
  expect(await page.locator('[data-testid="node"]').count()).toBeLessThan(500);
  expect(await tab.complaints()).toEqual([]);
  await tab.close();
});

it('says of a refused deployment which object, why, and what to do', async () => {
  const trusted = join(on.dir, 'data/controller-1/config/private/trusted-x509-keys');
  for (const f of readdirSync(trusted)) rmSync(join(trusted, f));
  // Another program's file, so that the folder isn't empty: the signer is unknown to it.
  execFileSync('openssl', [
    'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '10', '-subj', '/CN=somebody else',
    '-keyout', join(on.dir, 'other.key'), '-out', join(trusted, 'other.pem'),
  ], { stdio: 'ignore' }); // prettier-ignore
  process.kill(processOf('controller'), 'SIGTERM'); // it is started again, and reads it
  const tab = await open(browser, on);
  const { page } = tab;
  await login(page, on);
  await page.goto('/inventory');
  await ready(page, 'inventory');
  await on.signet('put', draft());
  await page.goto('/inventory?kind=Workflow&path=refused');
  await page
    .getByRole('button', { name: /^Deploy/ })
    .first()
    .click();
  const dialog = page.getByRole('dialog');
  await dialog
    .getByRole('button', { name: /^Deploy/ })
    .last()
    .click();
  const alert = dialog.getByRole('alert');
  await alert.getByRole('link', { name: 'refused' }).waitFor({ timeout: 60_000 });
  expect(await alert.innerText()).toContain('Nothing was changed');
  expect(await alert.innerText()).toContain('Sign with a key that the Controller trusts');
  await tab.close();
});

/** A folder with a draft. */
function draft(): string {
  const dir = join(on.dir, 'drafts');
  execFileSync('mkdir', ['-p', dir]);
  execFileSync('sh', ['-c', `cat > ${dir}/refused.workflow.json`], { input: JSON.stringify(job('true')) });
  return dir;
}
