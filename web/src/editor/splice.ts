import { createScanner, type JSONPath, type Node } from 'jsonc-parser';
import { isRead, nodeAt, readDocument, type Document } from './read';

// Edits of a document as small changes of its text: what isn't meant stays as it is,
// byte for byte, with its layout, its comments and the spelling of its numbers.

/** A part of a document with the comments that go with it: lines above, and one behind. */
export interface Piece {
  above: string[];
  body: string;
  behind: string;
}

/** What can't be done to a document. */
export class CannotEdit extends Error {}

interface Splice {
  from: number;
  to: number;
  text: string;
}

function spliced(text: string, ...splices: Splice[]): string {
  // A later place first, so that the earlier ones stay right.
  return [...splices]
    .sort((a, b) => b.from - a.from)
    .reduce((t, s) => t.slice(0, s.from) + s.text + t.slice(s.to), text);
}

/** Reads a text again after an edit of ours, which always leaves it readable. */
export function again(text: string): Document {
  const doc = readDocument(text);
  if (!isRead(doc)) throw new CannotEdit(`${doc.why}, line ${doc.line}`);
  return doc;
}

/** How a document is laid out: what its lines end with, and by what they are indented. */
export function layoutOf(text: string): { eol: string; unit: string; lines: boolean } {
  const end = /\r?\n/.exec(text)?.[0];
  const indent = /\n([ \t]+)\S/.exec(text)?.[1] ?? '';
  const unit = indent.startsWith('\t') ? '\t' : indent || '  ';
  return { eol: end ?? '\n', unit, lines: end !== undefined };
}

const lineStart = (text: string, at: number) => text.lastIndexOf('\n', at - 1) + 1;

/** White space at the start of the line that holds a place. */
function indentAt(text: string, at: number): string {
  return /^[ \t]*/.exec(text.slice(lineStart(text, at)))?.[0] ?? '';
}

/** Tells whether something is the first of its line. */
function beginsLine(text: string, at: number): boolean {
  const start = lineStart(text, at);
  return start > 0 && text.slice(start, at).trim() === '';
}

const endOf = (node: Node) => node.offset + node.length;

/** Where the comma behind a place is, if one comes next. */
function commaBehind(text: string, at: number): number | undefined {
  const scanner = createScanner(text, true);
  scanner.setPosition(at);
  scanner.scan();
  return text[scanner.getTokenOffset()] === ',' ? scanner.getTokenOffset() : undefined;
}

/** The comment behind a place, on the same line. */
function commentBehind(text: string, at: number): string {
  return (
    /^[ \t]*(?:\/\/[^\r\n]*|\/\*(?:(?!\*\/)[^\r\n])*\*\/(?=[ \t]*(?:[\r\n]|$)))/.exec(text.slice(at, at + 4000))?.[0] ??
    ''
  );
}

/** Where the comment lines begin that stand directly above a part; where the part's line begins, if there are none. */
function aboveOf(text: string, node: Node, floor: number): number {
  let start = lineStart(text, node.offset);
  while (start > 0) {
    const before = lineStart(text, start - 1);
    const line = text.slice(before, start).trim();
    if (before <= floor || !(line.startsWith('//') || (line.startsWith('/*') && line.endsWith('*/')))) break;
    start = before;
  }
  return start;
}

interface Child {
  container: Node;
  node: Node;
  index: number;
}

/** The part of an array or object that a path names; of an object, the name with its value. */
function childAt(doc: Document, path: JSONPath): Child {
  const value = nodeAt(doc, path);
  const node = value?.parent?.type === 'property' ? value.parent : value;
  const container = node?.parent;
  if (!node || !container) throw new CannotEdit(`there is nothing at /${path.join('/')}`);
  return { container, node, index: (container.children ?? []).indexOf(node) };
}

/** Cuts a part out and returns what is left, and what was cut. */
export function cut(doc: Document, path: JSONPath): { text: string; piece: Piece } {
  const { text } = doc;
  const { container, node, index } = childAt(doc, path);
  const all = container.children ?? [];
  const own = beginsLine(text, node.offset);
  const previous = all[index - 1];
  const floor = previous ? endOf(previous) : container.offset;
  const from = own ? aboveOf(text, node, floor) : node.offset;
  const comma = commaBehind(text, endOf(node));
  const behindAt = comma === undefined ? endOf(node) : comma + 1;
  const behind = own ? commentBehind(text, behindAt) : '';
  const piece = {
    above: own
      ? text
          .slice(from, lineStart(text, node.offset))
          .split('\n')
          .map((l) => l.trim())
          .filter(Boolean)
      : [],
    body: text.slice(node.offset, endOf(node)),
    behind: behind.trim(),
  };
  const end = behindAt + behind.length;
  if (all.length === 1) {
    const inner = text.slice(container.offset + 1, endOf(container) - 1);
    const rest = inner.slice(0, from - container.offset - 1) + inner.slice(end - container.offset - 1);
    const empty = { from: container.offset + 1, to: endOf(container) - 1, text: '' };
    return { text: spliced(text, rest.trim() === '' ? empty : { from, to: end, text: '' }), piece };
  }
  const rest = /^[ \t]*\r?\n/.exec(text.slice(end))?.[0];
  if (comma !== undefined) {
    // What follows moves up, or to the left.
    const gap = own && rest !== undefined ? rest.length : (/^[ \t]*/.exec(text.slice(end))?.[0].length ?? 0);
    const before = text.slice(0, from);
    // No blank is left at the end of a line.
    const start = own ? (rest === undefined ? node.offset : from) : rest === undefined ? from : before.trimEnd().length;
    return { text: spliced(text, { from: start, to: end + gap, text: '' }), piece };
  }
  if (!previous) throw new CannotEdit('a part without neighbours');
  const before = commaBehind(text, endOf(previous)) ?? endOf(previous);
  const start = own ? text.slice(0, from).replace(/\r?\n$/, '').length : before + 1;
  return { text: spliced(text, { from: before, to: before + 1, text: '' }, { from: start, to: end, text: '' }), piece };
}

/** Returns a part with the comments that go with it. */
export function copied(doc: Document, path: JSONPath): { piece: Piece; indent: string } {
  const { node } = childAt(doc, path);
  return { piece: cut(doc, path).piece, indent: indentAt(doc.text, node.offset) };
}

/** Moves all lines of a part but the first from one indentation to another. */
export function indented(body: string, from: string, to: string): string {
  if (from === to) return body;
  return body.replace(/\n([ \t]*)/g, (_, have: string) =>
    have.startsWith(from) ? `\n${to}${have.slice(from.length)}` : `\n${have}`,
  );
}

/** Writes a value over several lines, as it stands behind an indentation. */
function printed(value: unknown, indent: string, unit: string, eol: string): string {
  return JSON.stringify(value, null, unit).replaceAll('\n', eol + indent);
}

/** What is put into a document: a value, or a part of a document with its indentation. */
export type Matter = { value: unknown } | { piece: Piece; indent: string };

function written(m: Matter, indent: string, lines: boolean, text: string): Piece {
  const { unit, eol } = layoutOf(text);
  if ('piece' in m) return { ...m.piece, body: indented(m.piece.body, m.indent, indent) };
  const body = lines ? printed(m.value, indent, unit, eol) : JSON.stringify(m.value);
  return { above: [], body, behind: '' };
}

/** Puts something into the array or object at a place; into an object with a name. */
export function put(doc: Document, path: JSONPath, index: number, m: Matter, name?: string): string {
  const { text } = doc;
  const container = nodeAt(doc, path);
  if (container?.type !== 'array' && container?.type !== 'object') throw new CannotEdit('no list and no object');
  const all = container.children ?? [];
  const { eol, unit, lines } = layoutOf(text);
  const [first] = all;
  const indent =
    first && beginsLine(text, first.offset) ? indentAt(text, first.offset) : indentAt(text, container.offset) + unit;
  const long = first ? beginsLine(text, first.offset) : lines;
  const key = name === undefined ? '' : `${JSON.stringify(name)}:${lines ? ' ' : ''}`;
  const w = written(m, indent, long, text);
  const body = key + w.body;
  const block = (comma: string) =>
    [...w.above, body + comma + (w.behind && ` ${w.behind}`)].map((l) => indent + l).join(eol);
  const apart = long || w.above.length > 0 || w.behind !== '';
  if (all.length === 0) {
    const inner = text.slice(container.offset + 1, endOf(container) - 1);
    const kept = inner.trimEnd();
    const filled = apart ? `${kept}${eol}${block('')}${eol}${indentAt(text, container.offset)}` : kept + body;
    return spliced(text, { from: container.offset + 1, to: endOf(container) - 1, text: filled });
  }
  const next = all[index];
  const last = all.at(-1);
  if (next) {
    if (!apart) return spliced(text, { from: next.offset, to: next.offset, text: `${body}, ` });
    if (beginsLine(text, next.offset)) {
      const previous = all[index - 1];
      const at = aboveOf(text, next, previous ? endOf(previous) : container.offset);
      return spliced(text, { from: at, to: at, text: block(',') + eol });
    }
    return spliced(text, { from: next.offset, to: next.offset, text: `${eol}${block(',')}${eol}${indent}` });
  }
  if (!last) throw new CannotEdit('an empty list');
  const end = endOf(last);
  if (!apart) return spliced(text, { from: end, to: end, text: `, ${body}` });
  const behind = end + commentBehind(text, end).length;
  const tail = beginsLine(text, last.offset) ? '' : `${eol}${indentAt(text, container.offset)}`;
  if (behind === end) return spliced(text, { from: end, to: end, text: `,${eol}${block('')}${tail}` });
  return spliced(
    text,
    { from: end, to: end, text: ',' },
    { from: behind, to: behind, text: `${eol}${block('')}${tail}` },
  );
}

/** Puts something in the place of a value. */
export function replace(doc: Document, path: JSONPath, m: Matter): string {
  const node = nodeAt(doc, path);
  if (!node) throw new CannotEdit(`there is nothing at /${path.join('/')}`);
  const indent = indentAt(doc.text, node.offset);
  const { body } = written(m, indent, layoutOf(doc.text).lines, doc.text);
  return spliced(doc.text, { from: node.offset, to: endOf(node), text: body });
}

/** A number as a person spells it. */
export class Spelled {
  constructor(readonly text: string) {}
}

/**
 * Sets a value, and makes the objects around it that aren't there; undefined takes it
 * away.
 */
export function set(doc: Document, path: JSONPath, value: unknown): string {
  const there = nodeAt(doc, path);
  if (value === undefined) return there ? cut(doc, path).text : doc.text;
  const m: Matter =
    value instanceof Spelled ? { piece: { above: [], body: value.text, behind: '' }, indent: '' } : { value };
  if (there) return replace(doc, path, m);
  const name = path.at(-1);
  const around = path.slice(0, -1);
  if (name === undefined) throw new CannotEdit('the document itself');
  const container = nodeAt(doc, around);
  if (!container) return set(again(set(doc, around, typeof name === 'number' ? [] : {})), path, value);
  const end = container.children?.length ?? 0;
  return put(doc, around, end, m, typeof name === 'number' ? undefined : name);
}

/** Gives a name in an object another spelling. */
export function renamed(doc: Document, path: JSONPath, to: string): string {
  const { node } = childAt(doc, path);
  const key = node.children?.[0];
  if (node.type !== 'property' || !key) throw new CannotEdit('no name');
  return spliced(doc.text, { from: key.offset, to: endOf(key), text: JSON.stringify(to) });
}

/**
 * Writes a value around a part: in the value, the text `hole` stands for the part. Its
 * comments stay outside.
 */
export function wrapped(doc: Document, path: JSONPath, value: unknown, hole: string): string {
  const { text } = doc;
  const node = nodeAt(doc, path);
  if (!node) throw new CannotEdit(`there is nothing at /${path.join('/')}`);
  const { eol, unit, lines } = layoutOf(text);
  const indent = indentAt(text, node.offset);
  const frame = lines ? printed(value, indent, unit, eol) : JSON.stringify(value);
  const quoted = JSON.stringify(hole);
  const at = frame.indexOf(quoted);
  if (at < 0) throw new CannotEdit('no room for the part');
  const inner = /[ \t]*$/.exec(frame.slice(0, at))?.[0] ?? '';
  const body = indented(text.slice(node.offset, endOf(node)), indent, lines ? inner : indent);
  return spliced(text, {
    from: node.offset,
    to: endOf(node),
    text: frame.slice(0, at) + body + frame.slice(at + quoted.length),
  });
}
