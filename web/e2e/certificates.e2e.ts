import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { axeFinds, launch, login, open, ready } from './browser';
import { Installation } from './installation';

const on = new Installation();
const password = 'only for this test';
let browser: Browser;

beforeAll(async () => {
  browser = await launch();
  await on.start();
  await on.signet('api', 'POST', '/accounts', '--data', JSON.stringify({ name: 'vera', role: 'viewer', password }));
});
afterAll(async () => {
  await browser?.close();
  await on.remove();
});

const openssl = (...args: string[]) =>
  execFileSync('openssl', args, { stdio: ['ignore', 'pipe', 'ignore'] }).toString();

/** Makes a key and a request for it, and returns the request's file. */
function request(name: string): string {
  const file = join(on.dir, `${name}.csr`);
  openssl('req', '-new', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj', '/CN=boss',
    '-keyout', join(on.dir, `${name}.key`), '-out', file); // prettier-ignore
  return file;
}

const row = (page: Page, holder: string) => page.locator(`[data-testid="row"][data-holder="${holder}"]`);

async function opened() {
  const tab = await open(browser, on);
  await login(tab.page, on);
  await tab.page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Certificates' }).click();
  await ready(tab.page, 'certificates');
  return tab;
}

it('makes a token by which a new Agent gets its certificate', async () => {
  const tab = await opened();
  const { page } = tab;
  await page.getByRole('button', { name: 'Create token' }).click();
  const asks = page.getByRole('alertdialog', { name: 'Create a token for a new part' });
  await asks.getByLabel('Name', { exact: true }).fill('agent-9');
  expect(await axeFinds(page)).toEqual([]);
  await asks.getByRole('button', { name: 'Create token' }).click();
  const shown = page.getByRole('dialog', { name: 'Token for agent-9' });
  const token = (await shown.getByLabel('2. Paste the token as its input').innerText()).trim();
  const command = await shown.getByLabel('1. Run this on the new machine').innerText();
  expect(command).toContain(`signet enrol ${on.url} --config /etc/signet/agent`);
  expect(await axeFinds(page)).toEqual([]);
  const config = join(on.dir, 'agent-9');
  await on.signet('enrol', on.url, '--config', config, '--token', token);
  expect(readFileSync(join(config, 'private/https-cert.pem')).toString()).toContain('BEGIN CERTIFICATE');
  await shown.getByRole('button', { name: 'Back' }).click();
  await page.reload();
  await row(page, 'agent/agent-9').getByText('renews itself').waitFor();
  expect(await tab.complaints()).toEqual([]);
  await tab.close();
});

it('gives a bundle as a file, and keeps nothing of it', async () => {
  const tab = await opened();
  const { page } = tab;
  await page.getByRole('button', { name: 'Create bundle' }).click();
  const asks = page.getByRole('alertdialog', { name: /^Create a bundle/ });
  await asks.getByLabel('Name', { exact: true }).fill('agent-8');
  await asks.getByLabel(/^Hosts/).fill('host8.example.com, 10.0.0.8');
  await asks.getByLabel('Password of the stores').fill(password);
  expect(await axeFinds(page)).toEqual([]);
  const downloads = page.waitForEvent('download');
  await asks.getByRole('button', { name: 'Create bundle' }).click();
  const download = await downloads;
  expect(download.suggestedFilename()).toBe('agent-agent-8.zip');
  const file = join(on.dir, 'agent-8.zip');
  await download.saveAs(file);
  const out = join(on.dir, 'agent-8');
  execFileSync('unzip', ['-q', file, '-d', out]);
  const inside = (name: string) => join(out, 'private', name);
  const text = openssl(
    'pkcs12',
    '-in',
    inside('https-keystore.p12'),
    '-passin',
    `pass:${password}`,
    '-nokeys',
    '-clcerts',
  );
  writeFileSync(inside('leaf.pem'), text.slice(text.indexOf('-----BEGIN')));
  expect(openssl('x509', '-in', inside('leaf.pem'), '-noout', '-ext', 'subjectAltName')).toContain(
    'signet://agent/agent-8',
  );
  openssl(
    'verify',
    '-CAfile',
    inside('https-trust.pem'),
    '-untrusted',
    inside('https-cert.pem'),
    inside('https-cert.pem'),
  );
  await row(page, 'agent/agent-8').getByText('Valid').waitFor();
  expect(await tab.complaints()).toEqual([]);
  await tab.close();
});

it('issues a certificate for a request, shows it, and renews it', async () => {
  const tab = await opened();
  const { page } = tab;
  await page.getByRole('button', { name: 'Issue certificate' }).click();
  const asks = page.getByRole('alertdialog', { name: /^Issue a certificate/ });
  await asks.getByLabel('Account').fill('anna');
  await asks.getByLabel('Or from a file').setInputFiles(request('anna'));
  await asks.getByRole('button', { name: 'Issue certificate' }).click();
  const shown = page.getByRole('dialog', { name: 'Certificate of anna' });
  await shown.getByText('Valid', { exact: true }).first().waitFor();
  expect(await axeFinds(page)).toEqual([]);
  const downloads = page.waitForEvent('download');
  await shown.getByRole('link', { name: 'Download certificate' }).click();
  const file = join(on.dir, 'user-cert.pem');
  await (await downloads).saveAs(file);
  expect(openssl('x509', '-in', file, '-noout', '-pubkey')).toBe(
    openssl('pkey', '-in', join(on.dir, 'anna.key'), '-pubout'),
  );
  expect(openssl('x509', '-in', file, '-noout', '-ext', 'subjectAltName')).toContain('signet://user/anna');
  await shown.getByRole('button', { name: 'Back' }).click();
  await row(page, 'user/anna').getByRole('button', { name: 'Renew' }).click();
  const again = page.getByRole('alertdialog', { name: 'Renew the certificate of anna?' });
  await again.getByLabel('Or from a file').setInputFiles(request('anna2'));
  await again.getByRole('button', { name: 'Renew certificate' }).click();
  await page.getByRole('dialog', { name: 'Certificate of anna' }).getByText('Follows').waitFor();
  await page.keyboard.press('Escape');
  await page.getByRole('searchbox').fill('user/anna');
  await page.locator('[data-state="renewed"]').waitFor();
  expect(await row(page, 'user/anna').count()).toBe(2);
  await page.waitForURL(/q=user/);
  expect(await tab.complaints()).toEqual([]);
  await tab.close();
});

it('revokes an Agent, which is refused within seconds', async () => {
  const tab = await opened();
  const { page } = tab;
  await row(page, 'agent/agent-2').first().getByRole('button', { name: 'Revoke' }).click();
  const asks = page.getByRole('alertdialog', { name: 'Revoke all certificates of agent-2?' });
  await asks.getByText(/gets nothing new and reports nothing/).waitFor();
  expect(await axeFinds(page)).toEqual([]);
  const act = asks.getByRole('button', { name: 'Revoke certificates' });
  await asks.getByLabel('Reason').fill('the machine was stolen');
  await asks.getByLabel('Cause').selectOption('keyCompromise');
  expect(await act.isDisabled()).toBe(true);
  await asks.getByLabel('Type agent-2 to confirm').fill('agent-2');
  await act.click();
  await row(page, 'agent/agent-2').first().getByText('Revoked', { exact: true }).waitFor();
  await page.goto('/agents');
  await page
    .getByRole('table', { name: 'Agents' })
    .locator('[data-key="agent-2"] [data-status="CutOff"]')
    .waitFor({ timeout: 30_000 });
  await page.getByRole('table', { name: 'Agents' }).locator('[data-key="agent-1"] [data-status="Connected"]').waitFor();
  await page.goto('/certificates?tab=lists');
  await page
    .getByRole('table', { name: 'Revocation lists' })
    .getByRole('row', { name: /node issuer.* 1 / })
    .waitFor();
  await page.goto('/certificates?tab=authority');
  await page.getByRole('table', { name: 'Parts' }).getByText("In this Cockpit's folder").first().waitFor();
  const audit = await on.signet('audit', '--action', 'revokeCertificates', '-o', 'json');
  expect(audit).toContain('the machine was stolen');
  expect(await tab.complaints()).toEqual([]);
  await tab.close();
});

it("has the company's authority certify an issuer", async () => {
  const tab = await opened();
  const { page } = tab;
  const at = (name: string) => join(on.dir, name);
  await page.getByRole('tab', { name: 'Authority' }).click();
  const users = page.getByRole('region', { name: 'Users' });
  await users.getByRole('button', { name: 'Request issuer' }).click();
  await page.getByRole('alertdialog').getByRole('button', { name: 'Request issuer' }).click();
  const shown = page.getByRole('dialog', { name: /^Request for an issuer/ });
  writeFileSync(at('issuer.csr'), await shown.getByLabel('Certificate request (PEM)').innerText());
  expect(await axeFinds(page)).toEqual([]);
  await shown.getByRole('button', { name: 'Back' }).click();
  openssl('req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj', '/CN=Company root', '-days', '4000',
    '-addext', 'keyUsage=critical,keyCertSign,cRLSign', '-keyout', at('company.key'), '-out', at('company.pem')); // prettier-ignore
  const usages = 'keyUsage=critical,keyCertSign,cRLSign\nextendedKeyUsage=clientAuth\nsubjectKeyIdentifier=hash\n';
  writeFileSync(at('issuer.cnf'), `basicConstraints=critical,CA:TRUE,pathlen:0\n${usages}`);
  openssl('x509', '-req', '-in', at('issuer.csr'), '-CA', at('company.pem'), '-CAkey', at('company.key'), '-days', '2000',
    '-extfile', at('issuer.cnf'), '-out', at('issuer.pem')); // prettier-ignore
  await users.getByRole('button', { name: 'Take answer' }).click();
  const asks = page.getByRole('alertdialog', { name: /^Take the company's answer/ });
  await asks.getByLabel('Or from files').setInputFiles([at('issuer.pem'), at('company.pem')]);
  await asks.getByLabel('Reason').fill('answer of the company');
  expect(await axeFinds(page)).toEqual([]);
  await asks.getByRole('button', { name: 'Take answer' }).click();
  await users.getByText('CN=Company root').waitFor();
  await users.getByText('Trusted until its replacement is finished').waitFor();
  await users.getByText('Replaced; it only revokes').waitFor();
  expect(await tab.complaints()).toEqual([]);
  await tab.close();
});

it('shows all to who may only look, and says why nothing can be done', async () => {
  const tab = await open(browser, on);
  const { page } = tab;
  await login(page, on, 'vera', password);
  await page.goto('/certificates');
  await ready(page, 'certificates');
  await row(page, 'agent/agent-1').first().waitFor();
  await page.getByRole('button', { name: 'Create token' }).focus();
  await page.keyboard.press('Enter');
  await page.getByRole('tooltip').getByText('certificates:manage').waitFor();
  expect(await page.getByRole('alertdialog').count()).toBe(0);
  expect(await axeFinds(page)).toEqual([]);
  expect(await tab.complaints()).toEqual([]);
  await tab.close();
});
