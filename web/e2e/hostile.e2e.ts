import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { launch, login, open, ready } from './browser';
import { Installation, job } from './installation';

// Texts that would run as a script, or hide what stands there, if anything took
// them for more than text. What runs sets window.pwned.
const hit = 'window.pwned=1';
const payloads = [
  `<script>${hit}</script>`,
  `"><script>${hit}</script>`,
  `'><script>${hit}</script>`,
  `<img src=x onerror=${hit}>`,
  `"><img src=x onerror=${hit}>`,
  `<svg onload=${hit}>`,
  `<svg><script>${hit}</script></svg>`,
  `<body onload=${hit}>`,
  `<iframe srcdoc="<script>parent.${hit}</script>">`,
  `<iframe src="javascript:parent.${hit}">`,
  `<a href="javascript:${hit}">click</a>`,
  `javascript:${hit}`,
  `data:text/html,<script>${hit}</script>`,
  `<object data="javascript:${hit}">`,
  `<embed src="javascript:${hit}">`,
  `<form action="javascript:${hit}"><input type=submit autofocus onfocus=${hit}>`,
  `<input autofocus onfocus=${hit}>`,
  `<details open ontoggle=${hit}>`,
  `<video><source onerror=${hit}></video>`,
  `<audio src=x onerror=${hit}>`,
  `<marquee onstart=${hit}>`,
  `<math><mtext><script>${hit}</script></mtext></math>`,
  `<style>@import 'javascript:${hit}';</style>`,
  `<link rel=stylesheet href="data:text/css,*{background:red}">`,
  `<base href="//evil.example/">`,
  `<meta http-equiv=refresh content="0;url=javascript:${hit}">`,
  `<template><script>${hit}</script></template>`,
  `{{constructor.constructor('${hit}')()}}`,
  `\${${hit}}`,
  `<%= ${hit} %>`,
  `</script><script>${hit}</script>`,
  `</title><script>${hit}</script>`,
  `</textarea><script>${hit}</script>`,
  `--><script>${hit}</script>`,
  `]]><script>${hit}</script>`,
  `<scr<script>ipt>${hit}</scr</script>ipt>`,
  `%3Cscript%3E${hit}%3C/script%3E`,
  `&lt;script&gt;${hit}&lt;/script&gt;`,
  `\u202Egnp.exe`,
  `__proto__`,
  `constructor`,
  `<img src="https://evil.example/leak.png">`,
];

const on = new Installation();
let browser: Browser;

beforeAll(async () => {
  browser = await launch();
  await on.start();
  // A job writes them all, an order has them all as arguments, and each is an order's id.
  const lines = payloads.map((p) => `printf '%s\\n' '${p.replaceAll("'", `'\\''`)}'`).join('\n');
  await on.deploy('hostile', {
    ...job(`${lines}\n(${lines}) >&2\nexit 1`),
    orderPreparation: { allowUndeclared: true },
  });
  const args = Object.fromEntries(payloads.map((p, i) => [`a${i}`, p]));
  await on.signet(
    'api',
    'POST',
    '/orders',
    '--data',
    JSON.stringify({ workflow: 'hostile', id: 'args', arguments: args }),
  );
  for (const id of payloads) {
    await on.signet(
      'api',
      'POST',
      '/orders',
      '--data',
      JSON.stringify({ workflow: 'hostile', id, reason: id, scheduledFor: '2099-01-01T00:00:00Z' }),
    );
  }
  await on.signet('order', 'list', '-o', 'json');
});
afterAll(async () => {
  await browser?.close();
  await on.remove();
});

it('shows texts of others as texts, whatever they are', async () => {
  const tab = await open(browser, on);
  const { page } = tab;
  const asked: string[] = [];
  page.on('request', (r) => {
    if (!r.url().startsWith(on.url) && !r.url().startsWith('data:')) asked.push(r.url());
  });
  await login(page, on);
  const visit = async (view: string, address: string) => {
    await page.goto(address);
    await ready(page, view);
    expect([address, await page.evaluate(() => 'pwned' in window)]).toEqual([address, false]);
  };
  await visit('dashboard', '/');
  await visit('orders', '/orders');
  await page
    .getByText(payloads[0] ?? '')
    .first()
    .waitFor();
  await visit('order', '/orders/args?tab=variables');
  await page
    .getByText(payloads[3] ?? '')
    .first()
    .waitFor();
  await visit('order', '/orders/args?tab=log');
  await page
    .getByRole('log')
    .getByText(payloads[0] ?? '')
    .first()
    .waitFor();
  const some = payloads.filter((_, i) => i % 4 === 0);
  for (const id of some) await visit('order', `/orders/${encodeURIComponent(id)}`);
  await visit('workflow', '/workflows/hostile');
  await visit('history', '/history?kind=steps');
  await visit('audit', '/audit');
  await page
    .getByText(payloads[0] ?? '')
    .first()
    .waitFor();
  for (const q of some) await visit('orders', `/orders?q=${encodeURIComponent(q)}`);
  await page.goto(`/login?next=${encodeURIComponent(`javascript:${hit}`)}`);
  expect(asked).toEqual([]);
  expect(await tab.complaints()).toEqual([]);
  await tab.close();
}, 300_000);
