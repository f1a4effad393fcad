import { grouped, sha256 } from '../../bytes';

/** A piece of a text, with the class of its colour. */
export interface Token {
  text: string;
  kind: '' | 'key' | 'string' | 'number' | 'keyword' | 'comment';
}

const pieces =
  /(?<key>"(?:[^"\\\n]|\\.)*"(?=\s*:))|(?<string>"(?:[^"\\\n]|\\.)*")|(?<number>-?\d[\d.eE+-]*)|(?<keyword>true|false|null)|(?<comment>\/\/[^\n]*|\/\*[^]*?\*\/)/g;

/** Cuts a JSON text into pieces by kind; together they are the text, character for character. */
export function tokens(text: string): Token[] {
  const out: Token[] = [];
  let from = 0;
  const plain = (to: number) => {
    if (to > from) out.push({ text: text.slice(from, to), kind: '' });
  };
  for (const m of text.matchAll(pieces)) {
    plain(m.index);
    const kind = Object.entries(m.groups ?? {}).find(([, v]) => v !== undefined)?.[0];
    out.push({ text: m[0], kind: (kind ?? '') as Token['kind'] });
    from = m.index + m[0].length;
  }
  plain(text.length);
  return out;
}

/** Returns the SHA-256 of a text's UTF-8 bytes, as groups of eight hexadecimal digits. */
export const digestOf = async (text: string): Promise<string> => grouped(await sha256(text));
