import { expect, it } from 'vitest';
import en from '../i18n/en.json';
import { groups } from './keymap';

it('has a text for every key', () => {
  const texts = en.keys as Record<string, unknown>;
  for (const g of groups) {
    expect(en.keys.group).toHaveProperty(g.name);
    for (const [, what] of g.keys) expect(texts[what], what).toBeTypeOf('string');
  }
});

it('tells of one thing once', () => {
  const all = groups.flatMap((g) => g.keys.map(([, what]) => what));
  expect(new Set(all).size).toBe(all.length);
});
