/** Bytes in base64, with padding. */
export const base64 = (bytes: Uint8Array) => btoa(Array.from(bytes, (b) => String.fromCharCode(b)).join(''));

/** Returns the SHA-256 of a text's UTF-8 bytes in hexadecimal digits. */
export async function sha256(text: string): Promise<string> {
  const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text)));
  return Array.from(hash, (b) => b.toString(16).padStart(2, '0')).join('');
}

/** A digest as people compare it: in groups of eight. */
export const grouped = (digest: string) => (digest.toUpperCase().match(/.{1,8}/g) ?? []).join(' ');
