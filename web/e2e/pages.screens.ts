import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { launch, login, open, ready } from './browser';
import { fill } from './demo';
import { Installation } from './installation';
import { views } from './views';

const out = process.env['SIGNET_SCREENSHOTS'] ?? join(import.meta.dirname, '../../bin/screenshots');
const on = new Installation();
let browser: Browser;

beforeAll(async () => {
  mkdirSync(out, { recursive: true });
  browser = await launch();
  await on.start();
  await fill(on);
});
afterAll(async () => {
  await browser?.close();
  await on.remove();
});

const sizes = { desktop: { width: 1440, height: 900 }, phone: { width: 390, height: 844 } };

it.each([
  ['desktop', 'light', 'en-US'],
  ['desktop', 'dark', 'en-US'],
  ['phone', 'light', 'en-US'],
  ['phone', 'dark', 'en-US'],
  ['desktop', 'light', 'de-DE'],
  ['phone', 'light', 'de-DE'],
] as const)('%s, %s, %s', async (size, colorScheme, locale) => {
  const tab = await open(browser, on, { viewport: sizes[size], colorScheme, locale });
  const name = (view: string) => join(out, `${view}-${size}-${colorScheme}-${locale.slice(0, 2)}.png`);
  await tab.page.goto('/login');
  await ready(tab.page, 'login');
  await tab.page.screenshot({ path: name('login') });
  await login(tab.page, on, 'admin', on.password, locale);
  for (const [file, view, address] of views) {
    await tab.page.goto(address);
    await ready(tab.page, view);
    await tab.page.evaluate(() => document.fonts.ready);
    await tab.page.waitForFunction(() => !document.querySelector('.skeleton, .account-space'));
    if (file === 'order-resume') await tab.page.getByRole('alertdialog').waitFor();
    await tab.page.screenshot({ path: name(file) });
  }
  expect(await tab.complaints()).toEqual([]);
  await tab.close();
});
