import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { axeFinds, launch, login, open, ready } from './browser';
import { fill } from './demo';
import { Installation } from './installation';
import { views } from './views';

const on = new Installation();
let browser: Browser;

beforeAll(async () => {
  browser = await launch();
  await on.start();
  await fill(on);
});
afterAll(async () => {
  await browser?.close();
  await on.remove();
});

it.each([
  ['light', 1440],
  ['dark', 1440],
  ['light', 390],
] as const)('has no serious findings of axe on any page (%s, %i wide)', async (colorScheme, width) => {
  const tab = await open(browser, on, { colorScheme, viewport: { width, height: 900 } });
  const { page } = tab;
  await page.goto('/login');
  await ready(page, 'login');
  expect(await axeFinds(page)).toEqual([]);
  await login(page, on);
  const found: Record<string, string[]> = {};
  for (const [name, view, address] of views) {
    await page.goto(address);
    await ready(page, view);
    await page.waitForFunction(() => !document.querySelector('.skeleton'));
    const finds = await axeFinds(page);
    if (finds.length > 0) found[name] = finds;
  }
  expect(found).toEqual({});
  expect(await tab.complaints()).toEqual([]);
  await tab.close();
});
