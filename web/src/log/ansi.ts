// What a program wrote for a terminal (ECMA-48), as pieces of text with colours.
// Nothing of it is ever markup, and nothing that it asks for is done.

import type { Rgb } from './contrast';

/** A colour: one of the 16 of the theme, or any. */
export type Color = { index: number } | { rgb: Rgb };

/** How text is written. */
export interface Style {
  color?: Color | undefined;
  ground?: Color | undefined;
  bold?: boolean;
  faint?: boolean;
  italic?: boolean;
  underline?: boolean;
  inverse?: boolean;
}

/** A piece of a line. */
export interface Span {
  /** text; control: a character that can't be seen; bad: bytes that are no text; dropped: an order to the terminal. */
  kind: 'text' | 'control' | 'bad' | 'dropped';
  text: string;
  /** What a box stands for. */
  title?: string;
  style: Style;
}

export interface Parsed {
  spans: Span[];
  /** How often the line was written over before. */
  earlier: number;
}

/** A line has no more pieces than this; what follows is plain text. */
export const maxSpans = 500;

/** Characters that hide or turn what stands there. */
const strange =
  /[\u0000-\u0008\u000a-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffd]/;
const allStrange = new RegExp(strange.source, 'g');

/** Short names of control characters (ECMA-6). */
const names =
  'NUL SOH STX ETX EOT ENQ ACK BEL BS HT LF VT FF CR SO SI DLE DC1 DC2 DC3 DC4 NAK SYN ETB CAN EM SUB ESC FS GS RS US'.split(
    ' ',
  );

const plain: Style = {};

/** Cuts a line into pieces. `invalid` has the bytes that each U+FFFD stands for. */
export function parse(line: string, invalid: readonly string[] = []): Parsed {
  const returns = line.length - line.replace(/\r+$/, '').length;
  const end = line.length - returns;
  const spans: Span[] = [];
  let style = plain;
  let earlier = 0;
  let bad = 0;
  let at = 0;
  const add = (kind: Span['kind'], text: string, title?: string) => {
    const last = spans.at(-1);
    if (kind === 'dropped' && last?.kind === 'dropped') return;
    if (kind === 'text' && last?.kind === 'text' && last.style === style) last.text += text;
    else spans.push(title === undefined ? { kind, text, style } : { kind, text, title, style });
  };
  while (at < line.length) {
    if (spans.length >= maxSpans) {
      spans.push({ kind: 'text', text: line.slice(at).replace(allStrange, '\u2426'), style: plain });
      break;
    }
    allStrange.lastIndex = at;
    const found = (allStrange.exec(line)?.index ?? -1) - at;
    if (found !== 0) {
      add('text', found < 0 ? line.slice(at) : line.slice(at, at + found));
      if (found < 0) break;
      at += found;
    }
    const c = line.charCodeAt(at);
    if (c === 0x1b) {
      const behind = escapeEnd(line, at);
      const text = line.slice(at, behind);
      if (/^\u001b\[[0-9;:]*m$/.test(text)) style = changed(style, text.slice(2, -1));
      else add('dropped', '', readableEscape(text));
      at = behind;
      continue;
    }
    at++;
    if (c === 0x0d) {
      // A carriage return before the end: what follows is written over the line.
      if (at <= end && spans.length > 0) {
        earlier++;
        spans.length = 0;
      }
    } else if (c === 0xfffd) {
      const bytes = invalid[bad++];
      if (bytes === undefined || bytes === 'efbfbd') add('control', '\ufffd', 'U+FFFD');
      else add('bad', bytes.toUpperCase(), `0x${bytes.toUpperCase()}`);
    } else {
      const name = `U+${c.toString(16).toUpperCase().padStart(4, '0')}`;
      add('control', names[c] ?? name, name);
    }
  }
  return { spans, earlier };
}

/** The text as it is seen, for finding in it. */
export function seen(parsed: Parsed): string {
  return parsed.spans.map((s) => (s.kind === 'text' ? s.text : '\ufffc')).join('');
}

/** Returns where the sequence ends that begins with the escape at `at`. */
function escapeEnd(line: string, at: number): number {
  const kind = line[at + 1];
  if (kind === undefined) return at + 1;
  if (kind === '[') {
    for (let i = at + 2; i < line.length; i++) {
      const c = line.charCodeAt(i);
      if (c >= 0x40 && c <= 0x7e) return i + 1;
      if (c < 0x20 || c > 0x7e) return i;
    }
    return line.length;
  }
  if (']PX^_'.includes(kind)) {
    for (let i = at + 2; i < line.length; i++) {
      const c = line.charCodeAt(i);
      if (c === 7) return i + 1;
      if (c === 0x1b) return line[i + 1] === '\\' ? i + 2 : i;
    }
    return line.length;
  }
  for (let i = at + 1; i < line.length; i++) {
    const c = line.charCodeAt(i);
    if (c >= 0x20 && c <= 0x2f) continue;
    return c >= 0x30 && c <= 0x7e ? i + 1 : i;
  }
  return line.length;
}

function readableEscape(text: string): string {
  return 'ESC' + text.slice(1, 60).replace(allStrange, '\u2426') + (text.length > 60 ? '…' : '');
}

/** Returns the style after a sequence of graphic renditions (SGR). */
function changed(style: Style, parameters: string): Style {
  const list = parameters.split(/[;:]/).map((p) => (p === '' ? 0 : Number(p)));
  let s: Style = { ...style };
  for (let i = 0; i < list.length; i++) {
    const n = list[i] ?? 0;
    if (n === 0) s = {};
    else if (n === 1) s.bold = true;
    else if (n === 2) s.faint = true;
    else if (n === 3) s.italic = true;
    else if (n === 4) s.underline = true;
    else if (n === 7) s.inverse = true;
    else if (n === 22) s = { ...s, bold: false, faint: false };
    else if (n === 23) s.italic = false;
    else if (n === 24) s.underline = false;
    else if (n === 27) s.inverse = false;
    else if (n >= 30 && n <= 37) s.color = { index: n - 30 };
    else if (n >= 90 && n <= 97) s.color = { index: n - 90 + 8 };
    else if (n >= 40 && n <= 47) s.ground = { index: n - 40 };
    else if (n >= 100 && n <= 107) s.ground = { index: n - 100 + 8 };
    else if (n === 39) s.color = undefined;
    else if (n === 49) s.ground = undefined;
    else if (n === 38 || n === 48) {
      const [color, used] = extended(list.slice(i + 1));
      i += used;
      if (color) s[n === 38 ? 'color' : 'ground'] = color;
    }
  }
  return s;
}

/** Reads 5;N or 2;R;G;B, and tells how many parameters it took. */
function extended(list: readonly number[]): [Color | undefined, number] {
  const byte = (n: number | undefined) => (n !== undefined && n >= 0 && n <= 255 ? Math.floor(n) : undefined);
  if (list[0] === 5) {
    const n = byte(list[1]);
    return [n === undefined ? undefined : paletteColor(n), 2];
  }
  if (list[0] === 2) {
    const [r, g, b] = [byte(list[1]), byte(list[2]), byte(list[3])];
    return [r === undefined || g === undefined || b === undefined ? undefined : { rgb: [r, g, b] }, 4];
  }
  return [undefined, 0];
}

/** A colour of the palette of 256. */
function paletteColor(n: number): Color {
  if (n < 16) return { index: n };
  if (n >= 232) {
    const v = 8 + 10 * (n - 232);
    return { rgb: [v, v, v] };
  }
  const level = (v: number) => (v === 0 ? 0 : 55 + 40 * v);
  const i = n - 16;
  return { rgb: [level(Math.floor(i / 36)), level(Math.floor(i / 6) % 6), level(i % 6)] };
}
