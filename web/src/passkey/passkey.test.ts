import { expect, it } from 'vitest';
import { grouped } from '../bytes';
import { checkRelease, challengeOf, fromText, Mismatch, toText, worksHere } from './passkey';

const doc = '{"TYPE":"JobResource","path":"R"}';
const sha = async (text: string) =>
  Array.from(new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text))), (b) =>
    b.toString(16).padStart(2, '0'),
  ).join('');

async function prepared(document = doc, path = 'R') {
  const facts = { name: 'n', audience: 'a', serial: 1, author: 'ada' };
  const manifest = JSON.stringify({
    ...facts,
    reason: 'so it is',
    expires: '2026-12-01T00:00:00Z',
    objects: [{ kind: 'JobResource', path, sha256: await sha(document) }],
  });
  return {
    ...facts,
    document: manifest,
    sha256: await sha(manifest),
    reason: 'so it is',
    expires: Date.UTC(2026, 11, 1),
    objects: [{ kind: 'JobResource', path, document }],
  };
}

const chosen = [{ kind: 'JobResource', path: 'R' }];

it('writes bytes as text and back', () => {
  const bytes = Uint8Array.from({ length: 256 }, (_, i) => i);
  expect(fromText(toText(bytes))).toEqual(bytes);
  expect(toText(new Uint8Array([251, 255]))).toBe('-_8');
  expect(grouped('9f3a22c10b7de410')).toBe('9F3A22C1 0B7DE410');
});

it('knows the challenge that machines compute', async () => {
  // SHA-256 of "signet release v1", a zero byte and "{}".
  expect(toText(await challengeOf('{}'))).toBe(toText(fromHex(await sha('signet release v1\0{}'))));
});

const fromHex = (text: string) => Uint8Array.from(text.match(/../g) ?? [], (x) => parseInt(x, 16));

it('lets nothing be signed that is not what is shown', async () => {
  const good = await prepared();
  await checkRelease(good, chosen, ' so  it is');
  await checkRelease(good);
  const other = { ...good.objects[0], kind: 'JobResource', path: 'R', document: `${doc} ` };
  const wrong = [
    { ...good, sha256: await sha('x') },
    { ...good, document: `${good.document} ` },
    { ...good, objects: [other] },
    { ...good, objects: [] },
    { ...good, objects: [...good.objects, ...good.objects] },
    await prepared(doc, 'S'),
    // What the page says of it is what is signed.
    { ...good, name: 'm' },
    { ...good, audience: 'b' },
    { ...good, serial: 2 },
    { ...good, author: 'eve' },
    { ...good, reason: 'so it was' },
    { ...good, expires: good.expires + 1000 },
    // A document of another object under a name that looks harmless.
    await prepared('{"TYPE":"JobResource","path":"payments"}'),
    await prepared('{"TYPE":"Workflow","path":"R"}'),
  ];
  for (const r of wrong) await expect(checkRelease(r, chosen)).rejects.toThrow(Mismatch);
  await expect(checkRelease(good, [{ kind: 'JobResource', path: 'other' }])).rejects.toThrow(Mismatch);
  await expect(checkRelease(good, chosen, 'another reason')).rejects.toThrow(Mismatch);
});

it('knows where a passkey works', () => {
  const key = (rpId: string) => ({ rpId }) as Parameters<typeof worksHere>[0];
  expect(worksHere(key('example.com'), 'example.com')).toBe(true);
  expect(worksHere(key('example.com'), 'cockpit.example.com')).toBe(true);
  expect(worksHere(key('example.com'), 'badexample.com')).toBe(false);
  expect(worksHere(key('cockpit.example.com'), 'example.com')).toBe(false);
});
