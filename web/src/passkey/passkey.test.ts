import { expect, it } from 'vitest';
import { grouped } from '../bytes';
import { checkRelease, challengeOf, fromText, Mismatch, toText } from './passkey';

const doc = '{"TYPE":"JobResource","path":"R"}';
const sha = async (text: string) =>
  Array.from(new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text))), (b) =>
    b.toString(16).padStart(2, '0'),
  ).join('');

async function prepared(document = doc, path = 'R') {
  const manifest = JSON.stringify({ objects: [{ kind: 'JobResource', path, sha256: await sha(document) }] });
  return {
    document: manifest,
    sha256: await sha(manifest),
    serial: 1,
    audience: 'a',
    expires: 1,
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
  await checkRelease(good, chosen);
  const other = { ...good.objects[0], kind: 'JobResource', path: 'R', document: `${doc} ` };
  const wrong = [
    { ...good, sha256: await sha('x') },
    { ...good, document: `${good.document} ` },
    { ...good, objects: [other] },
    { ...good, objects: [] },
    { ...good, objects: [...good.objects, ...good.objects] },
    await prepared(doc, 'S'),
  ];
  for (const r of wrong) await expect(checkRelease(r, chosen)).rejects.toThrow(Mismatch);
});
