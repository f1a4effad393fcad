import { expect, it } from 'vitest';
import { readKeyFiles } from './keyFiles';

const key = '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n';
const one = '-----BEGIN CERTIFICATE-----\nBBBB\n-----END CERTIFICATE-----\n';
const two = '-----BEGIN CERTIFICATE-----\nCCCC\n-----END CERTIFICATE-----\n';

/** A file as browsers have it: that of the tests' document can't be read. */
function file(content: string | Uint8Array): File {
  const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : content;
  return {
    size: bytes.length,
    arrayBuffer: () => Promise.resolve(bytes.slice().buffer),
    text: () => Promise.resolve(new TextDecoder().decode(bytes)),
  } as File;
}

it('takes keys as their owners have them', async () => {
  expect(await readKeyFiles(file(key), undefined, 'unused')).toEqual({ key });
  expect(await readKeyFiles(file(key), file(one), '')).toEqual({ key, certificates: one });
  expect(await readKeyFiles(file(one + key + two), undefined, '')).toEqual({ key, certificates: one + two });
  const bytes = new Uint8Array([0x30, 0x82, 0, 255]);
  expect(await readKeyFiles(file(bytes), undefined, 'secret')).toEqual({ keystore: 'MIIA/w==', password: 'secret' });
});

it('takes no file that can be no key', async () => {
  await expect(readKeyFiles(undefined, undefined, '')).rejects.toThrow('no file');
  await expect(readKeyFiles(file('x'.repeat(100_001)), undefined, '')).rejects.toThrow('too large');
});
