import { parseTree, type Node as JsonNode } from 'jsonc-parser';
import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  Pair,
  parseDocument,
  Scalar,
  YAMLMap,
  YAMLSeq,
  type Document as YamlDocument,
  type Node,
  type ParsedNode,
} from 'yaml';
import { readDocument, type Document, type Unreadable } from './read';
import { CannotEdit, layoutOf } from './splice';

// A draft in YAML: graph and form see it as the JSON document that the server makes of
// it, and what they change there is changed in the YAML, where all that isn't meant
// keeps its comments. Only YAML that says what JSON can say is read.

/** What can't be read, and where. */
class Beyond extends Error {
  constructor(
    readonly why: string,
    readonly offset: number,
  ) {
    super(why);
  }
}

type Parsed = YamlDocument<ParsedNode>;

function parse(text: string): { doc: Parsed; lines: LineCounter } {
  const lines = new LineCounter();
  const doc = parseDocument(text, {
    version: '1.2',
    schema: 'core',
    intAsBigInt: true,
    prettyErrors: false,
    lineCounter: lines,
  });
  return { doc: doc as Parsed, lines };
}

/** Reads a text as the JSON document that it stands for. */
export function readYaml(text: string): Document | Unreadable {
  const { doc, lines } = parse(text);
  const at = (offset: number, why: string): Unreadable => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col), why };
  };
  const problem = doc.errors[0] ?? doc.warnings[0];
  if (problem) {
    return at(problem.pos[0], problem.code === 'DUPLICATE_KEY' ? 'NameTwice' : 'NotYaml');
  }
  try {
    if (!isMap(doc.contents)) return at(0, 'ObjectExpected');
    return readDocument(`${written(doc.contents, '')}\n`);
  } catch (cause) {
    if (cause instanceof Beyond) return at(cause.offset, cause.why);
    if (cause instanceof RangeError) return at(0, 'TooDeep');
    throw cause;
  }
}

const jsonNumber = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?$/;
const nearNumber = /^[-+]?(?:\.\d+|(?:0|[1-9]\d*)\.?\d*)(?:[eE][-+]?\d+)?$/;

/** Writes a part as JSON; numbers keep their digits. */
function written(node: Node | null | undefined, indent: string): string {
  if (!node) return 'null';
  const offset = node.range?.[0] ?? 0;
  if (isAlias(node) || node.anchor !== undefined || node.tag !== undefined) throw new Beyond('YamlMore', offset);
  const inner = `${indent}  `;
  if (isMap(node)) {
    const all = node.items.map(({ key, value }) => {
      if (!isScalar(key) || typeof key.value !== 'string' || key.anchor !== undefined || key.tag !== undefined) {
        throw new Beyond('YamlMore', offset);
      }
      return `${inner}${JSON.stringify(key.value)}: ${written(value as Node | null, inner)}`;
    });
    return all.length === 0 ? '{}' : `{\n${all.join(',\n')}\n${indent}}`;
  }
  if (isSeq(node)) {
    const all = node.items.map((item) => inner + written(item as Node | null, inner));
    return all.length === 0 ? '[]' : `[\n${all.join(',\n')}\n${indent}]`;
  }
  const { value, source } = node as Scalar;
  if (typeof value !== 'number' && typeof value !== 'bigint') return JSON.stringify(value ?? null);
  const digits = source ?? String(value);
  if (jsonNumber.test(digits)) return digits;
  if (nearNumber.test(digits)) return String(Number(digits));
  throw new Beyond('YamlMore', offset);
}

/** A JSON document with the text by which its parts are compared. */
type Part = { id: string } & (
  { kind: 'map'; keys: string[]; items: Part[] } | { kind: 'list'; items: Part[] } | { kind: 'leaf' }
);

/** A value by which it is compared: spelled in one way, unless a number would lose digits. */
function leaf(text: string): string {
  const many = /^[-\d]/.test(text) && text.replace(/[eE].*|\D/g, '').length > 15;
  return many ? text : JSON.stringify(JSON.parse(text));
}

function partsOf(text: string): Part {
  const root = parseTree(text);
  if (!root) throw new CannotEdit('the document is empty');
  const part = (node: JsonNode): Part => {
    const children = node.children ?? [];
    if (node.type === 'array') {
      const items = children.map(part);
      return { kind: 'list', items, id: `[${items.map((i) => i.id).join(',')}]` };
    }
    if (node.type !== 'object') return { kind: 'leaf', id: leaf(text.slice(node.offset, node.offset + node.length)) };
    const keys = children.map((p) => String(p.children?.[0]?.value));
    const items = children.map((p) => part(p.children?.[1] as JsonNode));
    return {
      kind: 'map',
      keys,
      items,
      id: `{${keys.map((k, i) => `${JSON.stringify(k)}:${items[i]?.id}`).join(',')}}`,
    };
  };
  return part(root);
}

/** Changes a YAML text as its JSON document was changed. Comments stay with what they are about. */
export function editYaml(text: string, before: string, after: string): string {
  const { doc } = parse(text);
  const [a, b] = [partsOf(before), partsOf(after)];
  doc.contents = new Hand(text, a).changed(doc.contents, a, b) as ParsedNode;
  const { unit } = layoutOf(text);
  const made = doc.toString({
    lineWidth: 0,
    flowCollectionPadding: /[{[] /.test(text),
    indent: unit.startsWith(' ') && unit.length <= 8 ? unit.length : 2,
    indentSeq: !/^([ ]*)[^\s#-].*:[ ]*\r?\n\1- /m.test(text),
  });
  const out = text.includes('\r\n') ? made.replaceAll('\n', '\r\n') : made;
  const read = readYaml(out);
  if (!('root' in read) || partsOf(read.text).id !== b.id) throw new CannotEdit('YAML has no way to say this');
  return out;
}

class Hand {
  /** Where parts stand, so that what moves takes its comments along. */
  private known: Map<string, Node> | undefined;

  constructor(
    private readonly text: string,
    private readonly before: Part,
  ) {}

  private find(id: string): Node | undefined {
    if (!this.known) {
      // Read anew: the parts in hand are being changed.
      this.known = new Map();
      this.note(parse(this.text).doc.contents, this.before, this.known);
    }
    return this.known.get(id);
  }

  private note(node: Node | null, part: Part, known: Map<string, Node>): void {
    if (!node || part.kind === 'leaf') return;
    if (part.items.length > 0) known.set(part.id, node);
    part.items.forEach((item, i) => this.note(childOf(node, i), item, known));
  }

  changed(node: Node | null, a: Part, b: Part): Node | null {
    if (a.id === b.id) return node;
    if (a.kind === 'map' && b.kind === 'map' && isMap(node)) {
      const keys = renamedKeys(a.keys, b.keys);
      a.keys.forEach((key, i) => {
        const to = keys[i];
        const pair = node.items[i];
        if (to !== undefined && to !== key && pair && isScalar(pair.key)) pair.key.value = to;
      });
      const pairs = new Map(keys.map((key, i) => [key, { pair: node.items[i], part: a.items[i] }]));
      node.items = b.keys.map((key, i) => {
        const [had, part] = [pairs.get(key), b.items[i] as Part];
        if (!had?.pair || !had.part)
          return new Pair<unknown, unknown>(new Scalar(key), this.made(part)) as (typeof node.items)[number];
        had.pair.value = this.changed(had.pair.value as Node | null, had.part, part);
        return had.pair;
      });
      if (node.items.length > 0 && a.items.length === 0) node.flow = false;
      return node;
    }
    if (a.kind === 'list' && b.kind === 'list' && isSeq(node)) {
      node.items = this.list(node.items as (Node | null)[], a.items, b.items);
      if (node.items.length > 0 && a.items.length === 0) node.flow = false;
      return node;
    }
    const made = this.made(b);
    if (node?.comment) made.comment = node.comment;
    if (node?.commentBefore) made.commentBefore = node.commentBefore;
    return made;
  }

  /** The entries of a list: those that stay are the same ones, whatever their order. */
  private list(nodes: (Node | null)[], a: readonly Part[], b: readonly Part[]): (Node | null)[] {
    const left = new Map<string, number[]>();
    a.forEach((part, i) => left.set(part.id, [...(left.get(part.id) ?? []), i]));
    const same = b.map((part) => left.get(part.id)?.shift());
    const kept = new Set(same);
    const others = a.map((_, i) => i).filter((i) => !kept.has(i));
    const pairwise = others.length === same.filter((i) => i === undefined).length;
    return b.map((part, j) => {
      const i = same[j] ?? (pairwise ? others.shift() : undefined);
      return i === undefined ? this.made(part) : this.changed(nodes[i] ?? null, a[i] as Part, part);
    });
  }

  /** A part that is new at its place. */
  private made(part: Part): Node {
    if (part.kind !== 'leaf') {
      const from = part.items.length > 0 ? this.find(part.id) : undefined;
      if (from) return from.clone() as Node;
      if (part.kind === 'list') {
        const list = new YAMLSeq<Node>();
        list.items = part.items.map((p) => this.made(p));
        return list;
      }
      const map = new YAMLMap<unknown, Node>();
      map.items = part.keys.map((k, i) => new Pair<unknown, Node>(new Scalar(k), this.made(part.items[i] as Part)));
      return map;
    }
    const value: unknown = JSON.parse(part.id);
    if (typeof value !== 'number') {
      const scalar = new Scalar(value);
      if (typeof value === 'string' && value.includes('\n')) scalar.type = Scalar.BLOCK_LITERAL;
      return scalar;
    }
    const scalar = new Scalar(/^-?\d+$/.test(part.id) ? BigInt(part.id) : value);
    scalar.minFractionDigits = /\.(\d+)/.exec(part.id)?.[1]?.length ?? 0;
    return scalar;
  }
}

function childOf(node: Node, i: number): Node | null {
  if (isMap(node)) return (node.items[i]?.value as Node | undefined) ?? null;
  return isSeq(node) ? ((node.items[i] as Node | undefined) ?? null) : null;
}

/** The keys as they are called afterwards: one that went where one came at its place has another name now. */
function renamedKeys(a: readonly string[], b: readonly string[]): string[] {
  const [gone, come] = [a.filter((k) => !b.includes(k)), b.filter((k) => !a.includes(k))];
  const [old, now] = [gone[0], come[0]];
  const renamed =
    gone.length === 1 &&
    come.length === 1 &&
    old !== undefined &&
    now !== undefined &&
    a.indexOf(old) === b.indexOf(now);
  return a.map((k) => (renamed && k === old ? now : k));
}
