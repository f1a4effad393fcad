import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import de from './de.json';
import en from './en.json';
import trustDe from './trust.de.json';
import trustEn from './trust.en.json';

type Texts = { [key: string]: string | string[] | Texts };

function flat(texts: Texts, prefix = ''): Map<string, string> {
  const all = new Map<string, string>();
  for (const [key, value] of Object.entries(texts)) {
    if (typeof value === 'string') all.set(prefix + key, value);
    else if (Array.isArray(value)) value.forEach((v, i) => all.set(`${prefix}${key}.${i}`, v));
    else for (const [k, v] of flat(value, `${prefix}${key}.`)) all.set(k, v);
  }
  return all;
}

const places = (text: string) => [...text.matchAll(/{{(\w+)}}/g)].map((m) => m[1]).sort();

it('every text is there in each language, with the same values in it', () => {
  const [english, german] = [flat({ ...en, trust: trustEn }), flat({ ...de, trust: trustDe })];
  expect([...german.keys()].sort()).toEqual([...english.keys()].sort());
  for (const [key, text] of english) expect([key, places(german.get(key) ?? '')]).toEqual([key, places(text)]);
});

it('no text is empty, and none shouts', () => {
  for (const [key, text] of [...flat({ ...en, trust: trustEn }), ...flat({ ...de, trust: trustDe })]) {
    expect(text, key).not.toBe('');
    expect(text, key).not.toMatch(/!/);
  }
});

it('every permission and role of the API has a text', () => {
  const api = readFileSync('../api/openapi.yaml', 'utf8');
  const permissions = new Set(
    [...api.matchAll(/x-permission: '?([a-z]+:[a-z]+)/g)].map((m) => m[1]?.replace(':', '_')),
  );
  expect([...permissions].filter((p) => p && !(p in en.profile.permission))).toEqual([]);
  const roles = /description: '(administrator, [^']*)'/.exec(api)?.[1]?.split(/, | or /) ?? [];
  expect(roles.length).toBeGreaterThan(5);
  expect(roles.filter((r) => !(`role_${r}` in en.profile))).toEqual([]);
});
