import type { Schemas } from '../../api/client';
import { base64 } from '../../bytes';

/** The largest file that is sent, in bytes: a keystore with its certificates. */
const most = 100_000;

const certificates = /-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----\n?/g;

/**
 * Reads a private key as its owner has it: a keystore, or text, in which the
 * certificates may stand, too.
 */
export async function readKeyFiles(
  file: File | undefined,
  certificate: File | undefined,
  password: string,
): Promise<Schemas['MakeSigningKeyRequest']> {
  if (!file) throw new Error('no file');
  if (file.size > most || (certificate?.size ?? 0) > most) throw new Error('the file is too large');
  const bytes = new Uint8Array(await file.arrayBuffer());
  const text = new TextDecoder().decode(bytes);
  if (!text.includes('-----BEGIN ')) {
    return { keystore: base64(bytes), password };
  }
  const beside = certificate ? await certificate.text() : (text.match(certificates) ?? []).join('');
  const key = text.replace(certificates, '');
  return beside ? { key, certificates: beside } : { key };
}
