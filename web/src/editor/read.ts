import {
  findNodeAtLocation,
  parseTree,
  printParseErrorCode,
  type JSONPath,
  type Node,
  type ParseError,
} from 'jsonc-parser';

/** A draft's text that could be read, with where everything stands in it. */
export interface Document {
  text: string;
  root: Node;
}

/** Why a text can't be read, and where. Lines and columns count from 1. */
export interface Unreadable {
  line: number;
  column: number;
  why: string;
}

/** A value of a document. Objects have no prototype: "__proto__" is a name like others. */
export type Value = null | boolean | number | string | Value[] | { [name: string]: Value };

/** Reads a text. What has an error anywhere, or a name twice in one object, isn't read at all. */
export function readDocument(text: string): Document | Unreadable {
  const errors: ParseError[] = [];
  let root: Node | undefined;
  try {
    root = parseTree(text, errors, { allowTrailingComma: false });
    const first = errors[0];
    if (first) return unreadable(text, first.offset, printParseErrorCode(first.error));
    if (root?.type !== 'object') return unreadable(text, root?.offset ?? 0, 'ObjectExpected');
    const twice = repeated(root);
    if (twice) return unreadable(text, twice.offset, 'NameTwice');
  } catch (cause) {
    // Nested deeper than the reader can go.
    if (cause instanceof RangeError) return unreadable(text, 0, 'TooDeep');
    throw cause;
  }
  return { text, root };
}

export function isRead(d: Document | Unreadable): d is Document {
  return 'root' in d;
}

function unreadable(text: string, offset: number, why: string): Unreadable {
  return { ...placeOf(text, offset), why };
}

/** Line and column of an offset, from 1. */
export function placeOf(text: string, offset: number): { line: number; column: number } {
  const before = text.slice(0, offset);
  return { line: before.split('\n').length, column: offset - before.lastIndexOf('\n') };
}

function repeated(node: Node): Node | undefined {
  const names = new Set<string>();
  for (const child of node.children ?? []) {
    if (node.type === 'object') {
      const [key] = child.children ?? [];
      if (key && names.has(String(key.value))) return key;
      if (key) names.add(String(key.value));
    }
    const twice = repeated(child);
    if (twice) return twice;
  }
  return undefined;
}

/** Returns what stands at a place, or undefined. */
export function nodeAt(doc: Document, path: JSONPath): Node | undefined {
  return findNodeAtLocation(doc.root, path);
}

/** Returns the value at a place, or undefined. */
export function valueAt(doc: Document, path: JSONPath): Value | undefined {
  const node = nodeAt(doc, path);
  return node && valueOf(node);
}

/** What stands at a place, as it is typed into a field: a text as it is, a number as it is spelled. */
export function fieldAt(doc: Document, path: JSONPath): string {
  const node = nodeAt(doc, path);
  if (!node) return '';
  return node.type === 'string' ? String(node.value) : doc.text.slice(node.offset, node.offset + node.length);
}

/** The names in the object at a place, in their order. */
export function namesAt(doc: Document, path: JSONPath): string[] {
  const node = nodeAt(doc, path);
  if (node?.type !== 'object') return [];
  return (node.children ?? []).map((p) => String(p.children?.[0]?.value));
}

export function countAt(doc: Document, path: JSONPath): number {
  const node = nodeAt(doc, path);
  return node?.type === 'array' ? (node.children?.length ?? 0) : 0;
}

function valueOf(node: Node): Value {
  if (node.type === 'array') return (node.children ?? []).map(valueOf);
  if (node.type !== 'object') return node.value as Value;
  const out = Object.create(null) as { [name: string]: Value };
  for (const property of node.children ?? []) {
    const [name, value] = property.children ?? [];
    if (name && value) out[String(name.value)] = valueOf(value);
  }
  return out;
}

/** A place as a JSON pointer. */
export function pointerOf(path: JSONPath): string {
  return path.map((p) => `/${String(p).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}

/** The place of a pointer in a document: numbers are indexes where there is an array. */
export function pathOf(doc: Document, pointer: string): JSONPath {
  const path: JSONPath = [];
  let node: Node | undefined = doc.root;
  for (const part of pointer.split('/').slice(1)) {
    const name = part.replaceAll('~1', '/').replaceAll('~0', '~');
    const segment: string | number = node?.type === 'array' && /^\d+$/.test(name) ? Number(name) : name;
    path.push(segment);
    node = node && findNodeAtLocation(node, [segment]);
  }
  return path;
}

/** Tells whether a place is another, or in it. */
export function isWithin(path: JSONPath, around: JSONPath): boolean {
  return around.length <= path.length && around.every((p, i) => p === path[i]);
}
