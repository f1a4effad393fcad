import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import deCertificates from './de.certificates.json';
import deObjects from './de.objects.json';
import enObjects from './en.objects.json';
import deProfile from './de.profile.json';
import enProfile from './en.profile.json';
import deCommon from './de.json';
import enCertificates from './en.certificates.json';
import enCommon from './en.json';
import deTrust from './de.trust.json';
import enTrust from './en.trust.json';

const en = { ...enCommon, ...enCertificates, ...enProfile, ...enTrust, ...enObjects };
const de = { ...deCommon, ...deCertificates, ...deProfile, ...deTrust, ...deObjects };

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
  const [english, german] = [flat(en), flat(de)];
  expect([...german.keys()].sort()).toEqual([...english.keys()].sort());
  for (const [key, text] of english) expect([key, places(german.get(key) ?? '')]).toEqual([key, places(text)]);
});

it('no text is empty, and none shouts', () => {
  for (const [key, text] of [...flat(en), ...flat(de)]) {
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
