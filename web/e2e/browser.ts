import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { chromium, type Browser, type BrowserContextOptions, type Page } from 'playwright-core';
import type { Installation } from './installation';

const flags = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

export function launch(): Promise<Browser> {
  return chromium.launch({ executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium', args: flags });
}

interface Found {
  policyReports: string[];
  /** Styles that the browser itself tried to set while somebody typed. */
  editing: number;
}

/** A tab that notes what must never happen: errors and reports of the policy. */
export interface Tab {
  page: Page;
  /** Errors of the console and of scripts, and policy reports, since the last call. */
  complaints: () => Promise<string[]>;
  close: () => Promise<void>;
}

/** Opens a tab in a browser of its own, as far as cookies are concerned. */
export async function open(browser: Browser, on: Installation, more: BrowserContextOptions = {}): Promise<Tab> {
  const context = await browser.newContext({
    ignoreHTTPSErrors: true,
    baseURL: on.url,
    viewport: { width: 1440, height: 900 },
    locale: 'en-US',
    timezoneId: 'Europe/Berlin',
    ...more,
  });
  await context.addInitScript(() => {
    const kept: string[] = [];
    const found = { policyReports: kept, editing: 0 };
    Object.assign(window, { found });
    document.addEventListener('securitypolicyviolation', (e) => {
      // Chromium, when text that an editor has coloured is typed over, may try to keep its
      // colour. No script does that; the policy forbids it, and the editor draws anew.
      const typing = !e.sourceFile && document.activeElement?.closest('.cm-editor');
      if (e.violatedDirective === 'style-src-attr' && typing) {
        found.editing++;
        return;
      }
      const where = e.target instanceof Element ? e.target.outerHTML.slice(0, 300) : '';
      kept.push(`policy: ${e.violatedDirective} ${e.blockedURI} ${e.sourceFile}:${e.lineNumber} ${where}`);
    });
  });
  const page = await context.newPage();
  const seen: string[] = [];
  page.on('console', (m) => {
    if (m.type() === 'error') seen.push(`console: ${m.text()}`);
  });
  page.on('pageerror', (e) => seen.push(`script: ${e.message}`));
  const tab: Tab = {
    page,
    complaints: async () => {
      const { policyReports, editing } = await tab.page.evaluate(
        () => (window as unknown as { found?: Found }).found ?? { policyReports: [], editing: 0 },
      );
      let forgiven = editing;
      const told = seen
        .splice(0)
        .filter((text) => !(text.startsWith('console: Applying inline style') && forgiven-- > 0));
      return [...told, ...policyReports];
    },
    close: () => context.close(),
  };
  return tab;
}

export async function login(
  page: Page,
  on: Installation,
  account = 'admin',
  password = on.password,
  locale = 'en-US',
): Promise<void> {
  const german = locale.startsWith('de');
  await page.goto('/login');
  await page.getByLabel(german ? 'Konto' : 'Account').fill(account);
  await page.getByLabel(german ? 'Passwort' : 'Password', { exact: true }).fill(password);
  await page.getByRole('button', { name: german ? 'Anmelden' : 'Log in' }).click();
  await ready(page, 'dashboard');
}

/** Waits until a view has its first data. */
export async function ready(page: Page, view: string): Promise<void> {
  await page.locator(`main[data-view="${view}"][data-ready="true"]`).waitFor({ timeout: 60_000 });
}

const axe = readFileSync(join(import.meta.dirname, '../node_modules/axe-core/axe.min.js'), 'utf8');

/**
 * Returns what axe finds serious on the page and what stays: a menu that is just fading
 * away, without its items, isn't what anybody reads.
 */
export async function axeFinds(page: Page): Promise<string[]> {
  // Not as a script element: the policy refuses that.
  await page.evaluate(axe);
  const end = Date.now() + 5000;
  for (;;) {
    const finds = await axeFindsNow(page);
    if (finds.length === 0 || Date.now() > end) return finds;
    await page.waitForTimeout(250);
  }
}

async function axeFindsNow(page: Page): Promise<string[]> {
  return page.evaluate(async () => {
    type Axe = {
      run: (o: object) => Promise<{ violations: { id: string; impact: string; nodes: { html: string }[] }[] }>;
    };
    const { violations } = await (window as unknown as { axe: Axe }).axe.run({ resultTypes: ['violations'] });
    return violations
      .filter((v) => v.impact === 'serious' || v.impact === 'critical')
      .map((v) => `${v.id}: ${v.nodes.map((n) => n.html.slice(0, 200)).join(' | ')}`);
  });
}
