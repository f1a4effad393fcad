import { api, take, type Schemas } from '../api/client';
import { base64, sha256 } from '../bytes';

/** Bytes as text: base64url without padding. */
export function toText(bytes: ArrayBuffer | Uint8Array): string {
  const all = bytes instanceof Uint8Array ? bytes : new Uint8Array(bytes);
  return base64(all).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '');
}

export function fromText(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (c) => c.charCodeAt(0));
}

/** Whether this browser can make and use passkeys on this page. */
export const canPasskeys = () => typeof PublicKeyCredential === 'function' && window.isSecureContext;

const signatures = [-7, -8, -257]; // ES256, EdDSA, RS256

/** Makes a passkey with this browser's user, and registers it. */
export async function makePasskey(name: string): Promise<Schemas['Passkeys']> {
  const asked = await take(api.GET('/me/passkeys/new'));
  const { passkeys } = await take(api.GET('/me/passkeys'));
  const made = (await navigator.credentials.create({
    publicKey: {
      challenge: fromText(asked.challenge),
      rp: { id: asked.rpId, name: 'Signet' },
      user: { id: fromText(asked.userId), name: asked.account, displayName: asked.account },
      pubKeyCredParams: signatures.map((alg) => ({ type: 'public-key', alg })),
      excludeCredentials: passkeys.map((p) => ({ type: 'public-key', id: fromText(p.id) })),
      authenticatorSelection: { userVerification: 'required' },
      attestation: 'none',
    },
  })) as PublicKeyCredential | null;
  const response = made?.response as AuthenticatorAttestationResponse | undefined;
  const publicKey = response?.getPublicKey();
  if (!made || !response || !publicKey) throw new Error('the browser made no key');
  return take(
    api.POST('/me/passkeys', {
      body: {
        name,
        challenge: asked.challenge,
        credentialId: toText(made.rawId),
        publicKey: toText(publicKey),
        clientData: toText(response.clientDataJSON),
        authenticatorData: toText(response.getAuthenticatorData()),
      },
    }),
  );
}

/** What the server wants signed isn't what it shows. */
export class Mismatch extends Error {}

interface Manifest {
  objects: { kind: string; path: string; sha256: string }[];
}

/**
 * Makes sure, with this browser's own arithmetic, that the documents are those that the
 * manifest lists, and the manifest that of the digest; else nothing may be signed.
 */
export async function checkRelease(
  r: Schemas['PreparedRelease'],
  chosen: readonly Schemas['ObjectKey'][],
): Promise<void> {
  if ((await sha256(r.document)) !== r.sha256) throw new Mismatch('digest');
  const manifest = JSON.parse(r.document) as Manifest;
  const listed = new Map(manifest.objects.map((o) => [`${o.kind}:${o.path}`, o.sha256]));
  if (listed.size !== manifest.objects.length || listed.size !== r.objects.length) throw new Mismatch('objects');
  const wanted = new Set(chosen.map((k) => `${k.kind}:${k.path}`));
  for (const o of r.objects) {
    const key = `${o.kind}:${o.path}`;
    if (!wanted.has(key) || listed.get(key) !== (await sha256(o.document))) {
      throw new Mismatch(key);
    }
  }
}

/** What a key is asked to sign: so that it is good for this release and nothing else. */
export async function challengeOf(manifest: string): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new TextEncoder().encode(`signet release v1\0${manifest}`);
  return new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
}

/** Asks for a touch of one of the keys, and returns the evidence for a release. */
export async function touch(manifest: string, keys: readonly Schemas['Passkey'][]): Promise<Record<string, string>> {
  const first = keys[0];
  if (!first) throw new Error('there is no key');
  const got = (await navigator.credentials.get({
    publicKey: {
      challenge: await challengeOf(manifest),
      rpId: first.rpId,
      allowCredentials: keys.map((k) => ({ type: 'public-key', id: fromText(k.id) })),
      userVerification: 'required',
    },
  })) as PublicKeyCredential | null;
  if (!got) throw new Error('the browser gave no signature');
  const a = got.response as AuthenticatorAssertionResponse;
  const evidence = {
    TYPE: 'Passkey',
    credentialId: toText(got.rawId),
    clientData: toText(a.clientDataJSON),
    authenticatorData: toText(a.authenticatorData),
    signature: toText(a.signature),
  };
  return { '.passkey': JSON.stringify(evidence) };
}
