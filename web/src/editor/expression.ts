import { builtIns, functions, keywords, places, symbols } from './vocabulary.gen';

/** Where an expression stands, for what has sense there. */
export type ExprPlace = keyof typeof places;

/** What an expression can name at its place. */
export interface Scope {
  place: ExprPlace;
  /** Variables with where they come from: a text of its own for each. */
  names: readonly { name: string; from: 'parameter' | 'argument' | 'variable' }[];
  labels: readonly string[];
  jobs: readonly string[];
  /** Paths of job resources. */
  resources: readonly string[];
}

/** Something that can be written at a place of an expression. */
export interface Option {
  /** What is written. */
  text: string;
  kind:
    'function' | 'symbol' | 'word' | 'parameter' | 'argument' | 'variable' | 'builtIn' | 'label' | 'job' | 'resource';
}

type Call = { params: readonly string[]; required: number; named?: boolean };
const calls: Readonly<Record<string, Call>> = functions;

/** How a function is called: "substring(s, start[, end])". */
export function signature(name: string): string {
  const f = calls[name];
  if (!f) return name;
  const [needed, others] = [f.params.slice(0, f.required), f.params.slice(f.required)];
  const more = others.map((p) => `${needed.length > 0 || p !== others[0] ? ', ' : ''}${f.named ? `${p}=…` : p}`);
  return `${name}(${needed.join(', ')}${more.map((p) => `[${p}]`).join('')})`;
}

/** The functions that have sense at a place. */
export function functionsOf(place: ExprPlace): string[] {
  const refused: readonly string[] = places[place].refused;
  return Object.keys(functions).filter((f) => !refused.includes(f));
}

function symbolsOf(place: ExprPlace): readonly string[] {
  const rules: { refused: readonly string[]; symbols?: readonly string[] } = places[place];
  return rules.symbols ?? symbols;
}

export const isFunction = (word: string) => Object.hasOwn(functions, word);
export const isSymbol = (word: string) => (symbols as readonly string[]).includes(word);
export const isKeyword = (word: string) => (keywords as readonly string[]).includes(word);

/** In which text or comment a place is: by the sign that opened it. */
function within(source: string): string {
  let open = '';
  for (let i = 0; i < source.length; i++) {
    const rest = source.slice(i, i + 2);
    const c = source[i] ?? '';
    if (open === '"' && c === '\\') i++;
    else if (open === '/*' && rest === '*/') [open, i] = ['', i + 1];
    else if (open === '//' && c === '\n') open = '';
    else if (open === c && (c === "'" || c === '"' || c === '`')) open = '';
    else if (open === '' && (rest === '/*' || rest === '//')) [open, i] = [rest, i + 1];
    else if (open === '' && (c === "'" || c === '"' || c === '`')) open = c;
  }
  return open;
}

const plain = /^[\p{L}_][\p{L}\p{N}_]*$/u;

/** A name as it is written in an expression: other than plain words in back-ticks. */
export const named = (name: string) => (plain.test(name) ? name : `\`${name.replaceAll('`', '``')}\``);

/** What can be written behind the first part of an expression, and from where on it stands in its place. */
export function optionsAt(before: string, scope: Scope): { from: number; options: Option[] } | undefined {
  const at = (typed: string, options: Option[]) => ({ from: before.length - typed.length, options });
  const open = within(before);
  if (open === '/*' || open === '//') return undefined;
  const variable = /\$\{?([\p{L}\p{N}_]*)$/u.exec(before);
  if (variable && open !== "'") return at(variable[1] ?? '', variables(scope));
  const of = /(?:^|[^\p{L}\p{N}_$])(argument|variable)\s*\(\s*['"]([^'"]*)$/u.exec(before);
  if (of) {
    const known = scope.names.filter((n) => of[1] === 'variable' || n.from !== 'variable');
    return at(
      of[2] ?? '',
      known.map((n) => ({ text: n.name, kind: n.from })),
    );
  }
  if (open !== '') return undefined;
  const target = /\b(label|job)\s*=\s*([\p{L}\p{N}_]*)$/u.exec(before);
  if (target) {
    const kind = target[1] === 'label' ? 'label' : 'job';
    const all = kind === 'label' ? scope.labels : scope.jobs;
    return at(
      target[2] ?? '',
      all.map((name) => ({ text: plain.test(name) ? name : `'${name}'`, kind })),
    );
  }
  const resource = /\bJobResource:([\p{L}\p{N}_./-]*)$/u.exec(before);
  if (resource) {
    return at(
      resource[1] ?? '',
      scope.resources.map((text) => ({ text, kind: 'resource' })),
    );
  }
  const word = /(?<![.$\p{L}\p{N}_])([\p{L}_][\p{L}\p{N}_]*)?$/u.exec(before);
  if (!word || before.endsWith('.') || before.endsWith('$')) return undefined;
  return at(word[1] ?? '', words(scope));
}

function variables(scope: Scope): Option[] {
  const own: Option[] = scope.names.map((n) => ({ text: named(n.name), kind: n.from }));
  return scope.place === 'parameter' ? own : [...own, ...builtIns.map((text): Option => ({ text, kind: 'builtIn' }))];
}

function words(scope: Scope): Option[] {
  const callable = functionsOf(scope.place);
  const grammar = keywords.filter((k) => !isFunction(k));
  return [
    ...variables(scope).map((o) => ({ ...o, text: `$${o.text}` })),
    ...callable.map((text): Option => ({ text, kind: 'function' })),
    ...symbolsOf(scope.place).map((text): Option => ({ text, kind: 'symbol' })),
    ...grammar.map((text): Option => ({ text, kind: 'word' })),
    ...(scope.resources.length > 0 && scope.place !== 'jobResource'
      ? [{ text: 'JobResource:', kind: 'word' } as const]
      : []),
  ];
}

/** The word at a place of an expression, and where it stands. */
export function wordAt(source: string, at: number): { from: number; to: number; word: string } | undefined {
  for (const m of source.matchAll(/\$?[\p{L}_][\p{L}\p{N}_]*/gu)) {
    if (m.index <= at && at <= m.index + m[0].length) {
      return { from: m.index, to: m.index + m[0].length, word: m[0] };
    }
  }
  return undefined;
}

/** Where in an expression something is wrong: lines and columns count from 1, columns by characters. */
export function markOf(
  source: string,
  line: number | undefined,
  column: number | undefined,
): { from: number; to: number } {
  if (line === undefined || column === undefined) return { from: 0, to: source.length };
  const lines = source.split('\n');
  const start = lines.slice(0, line - 1).reduce((n, l) => n + l.length + 1, 0);
  const before = [...(lines[line - 1] ?? '')].slice(0, column - 1).join('');
  const from = Math.min(source.length, start + before.length);
  const word = /^(?:[\p{L}\p{N}_]+|.)/u.exec(source.slice(from))?.[0] ?? '';
  // Behind the end there is nothing to mark: the last character is.
  return word === '' ? { from: Math.max(0, from - 1), to: from } : { from, to: from + word.length };
}
