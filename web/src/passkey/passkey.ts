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
  name: string;
  audience: string;
  serial: number;
  expires: string;
  author: string;
  reason?: string;
  objects: { kind: string; path: string; sha256: string }[];
}

const keyOf = (o: { kind: string; path: string }) => `${o.kind}:${o.path}`;

/** A reason as a release has it: on one line. */
export const oneLine = (reason: string) => reason.split(/\s+/).filter(Boolean).join(' ');

/**
 * Makes sure, with this browser's own arithmetic, that the documents are those that the
 * manifest lists, the manifest that of the digest, and all else what the manifest says;
 * else nothing may be signed. Only objects that were chosen may be there, if some were.
 */
export async function checkRelease(
  r: Schemas['PreparedRelease'],
  chosen?: readonly Schemas['ObjectKey'][],
  reason?: string,
): Promise<void> {
  if ((await sha256(r.document)) !== r.sha256) throw new Mismatch('digest');
  const m = JSON.parse(r.document) as Manifest;
  const facts: [unknown, unknown][] = [
    [m.name, r.name],
    [m.audience, r.audience],
    [m.serial, r.serial],
    [m.author, r.author],
    [m.reason ?? '', r.reason],
    [Date.parse(m.expires), r.expires],
  ];
  if (facts.some(([signed, said]) => signed !== said)) throw new Mismatch('facts');
  if (reason !== undefined && r.reason !== oneLine(reason)) throw new Mismatch('reason');
  const listed = new Map(m.objects.map((o) => [keyOf(o), o.sha256]));
  if (listed.size !== m.objects.length || listed.size !== r.objects.length) throw new Mismatch('objects');
  const wanted = chosen && new Set(chosen.map(keyOf));
  for (const o of r.objects) {
    const key = keyOf(o);
    if (wanted && !wanted.has(key)) throw new Mismatch(key);
    if (listed.get(key) !== (await sha256(o.document))) throw new Mismatch(key);
    if (!isOf(o)) throw new Mismatch(key);
  }
}

type Fields = Record<string, unknown>;

function fieldsOf(text: string): Fields {
  const v: unknown = JSON.parse(text);
  return typeof v === 'object' && v !== null && !Array.isArray(v) ? (v as Fields) : {};
}

/** A document says itself what it is: another's can't stand under a name that looks harmless. */
function isOf(o: Schemas['DeployObject']): boolean {
  const { TYPE, path } = fieldsOf(o.document);
  return TYPE === o.kind && path === o.path;
}

/** Whether a passkey can be used on this page. */
export const worksHere = (p: Schemas['Passkey'], host = location.hostname) =>
  host === p.rpId || host.endsWith(`.${p.rpId}`);

/** What a key is asked to sign: so that it is good for this release and nothing else. */
export async function challengeOf(manifest: string): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new TextEncoder().encode(`signet release v1\0${manifest}`);
  return new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
}

/** Asks for a touch of one of the keys, and returns the evidence for a release. */
export async function touch(manifest: string, keys: readonly Schemas['Passkey'][]): Promise<Record<string, string>> {
  const first = keys[0];
  if (!first) throw new Error('there is no key');
  const asked = keys.filter((k) => k.rpId === first.rpId);
  const got = (await navigator.credentials.get({
    publicKey: {
      challenge: await challengeOf(manifest),
      rpId: first.rpId,
      allowCredentials: asked.map((k) => ({ type: 'public-key', id: fromText(k.id) })),
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
