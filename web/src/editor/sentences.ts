import type { Value } from './read';

/** What differs between two documents, as a sentence of the message files. */
export interface Sentence {
  /** Of the message files: edit.said.KEY. */
  key: string;
  values: Record<string, string | number>;
  /** The step, job or field that it is about; empty for the whole. */
  of: string;
  /** Something runs differently by it: these come first. */
  runs: boolean;
}

type Fields = { [name: string]: Value };

/** So many sentences are told at most; what comes then is in the text. */
const most = 200;

/** A value in a sentence isn't longer. */
const longest = 80;

const isFields = (v: Value | undefined): v is Fields => typeof v === 'object' && v !== null && !Array.isArray(v);
const fieldsOf = (v: Value | undefined): Fields => (isFields(v) ? v : {});
const listOf = (v: Value | undefined): Value[] => (Array.isArray(v) ? v : []);
const textOf = (v: Value | undefined): string => (typeof v === 'string' ? v : v === undefined ? '' : JSON.stringify(v));
const same = (a: Value | undefined, b: Value | undefined) => JSON.stringify(sorted(a)) === JSON.stringify(sorted(b));

function sorted(v: Value | undefined): unknown {
  if (Array.isArray(v)) return v.map(sorted);
  if (!isFields(v)) return v;
  return Object.keys(v)
    .sort()
    .map((k) => [k, sorted(v[k])]);
}

function short(v: Value | undefined): string {
  const text = v === '' ? '""' : textOf(v);
  return text.length > longest ? `${text.slice(0, longest)}…` : text;
}

/** What the server puts at the head of a document, and what an author doesn't write. */
const head = new Set(['TYPE', 'path', 'versionId']);

/** Fields that say nothing about how something runs. */
const quiet = new Set(['label', 'title', 'documentation', 'source']);

/** Where instructions have steps inside: the field, and of lists the fields of their entries. */
const lanesOf = (step: Fields): [name: string, block: Value | undefined][] => {
  switch (step['TYPE']) {
    case 'If':
      return [
        ...listOf(step['ifThens']).map((b, i): [string, Value | undefined] => [
          i === 0 ? 'then' : `then ${i + 1}`,
          fieldsOf(b)['then'],
        ]),
        ...(step['then'] === undefined ? [] : [['then', step['then']] as [string, Value]]),
        ...(step['else'] === undefined ? [] : [['else', step['else']] as [string, Value]]),
      ];
    case 'Fork':
      return listOf(step['branches']).map((b) => [textOf(fieldsOf(b)['id']), fieldsOf(b)['workflow']]);
    default:
      return ['try', 'catch', 'workflow', 'block']
        .filter((name) => isFields(step[name]))
        .map((name) => [name, step[name]]);
  }
};

const blocks = new Set(['ifThens', 'then', 'else', 'branches', 'try', 'catch', 'workflow', 'block']);

/** What a step is called in a sentence: its label, its job, its kind. */
export function nameOf(step: Value | undefined): string {
  const f = fieldsOf(step);
  return textOf(f['label']) || textOf(f['jobName']) || textOf(f['TYPE']);
}

/** Tells two documents apart in sentences; what runs differently comes first. */
export function sentencesOf(before: Value, after: Value): Sentence[] {
  const out = new Teller();
  out.documents(fieldsOf(before), fieldsOf(after));
  const all = out.all;
  return [...all.filter((s) => s.runs), ...all.filter((s) => !s.runs)];
}

class Teller {
  readonly all: Sentence[] = [];

  private tell(of: string, key: string, values: Sentence['values'], runs = true): void {
    if (this.all.length < most) this.all.push({ of, key, values, runs });
  }

  documents(a: Fields, b: Fields): void {
    this.fields('', a, b, new Set([...head, 'instructions', 'jobs', 'orderPreparation']));
    const [p, q] = [a, b].map((d) => fieldsOf(fieldsOf(d['orderPreparation'])['parameters']));
    this.named('parameter', '', p ?? {}, q ?? {});
    this.fields('', fieldsOf(a['orderPreparation']), fieldsOf(b['orderPreparation']), new Set(['parameters']));
    this.block('', a, b);
  }

  /** Jobs and steps of a block. */
  private block(where: string, a: Fields, b: Fields): void {
    const [old, now] = [fieldsOf(a['jobs']), fieldsOf(b['jobs'])];
    for (const name of Object.keys(old)) if (!(name in now)) this.tell(name, 'jobRemoved', { name });
    for (const [name, job] of Object.entries(now)) {
      if (!(name in old)) this.tell(name, 'jobAdded', { name });
      else this.job(name, fieldsOf(old[name]), fieldsOf(job));
    }
    this.steps(where, listOf(a['instructions']), listOf(b['instructions']));
  }

  private job(name: string, a: Fields, b: Fields): void {
    const [x, y] = [fieldsOf(a['executable']), fieldsOf(b['executable'])];
    this.script(name, x, y);
    this.fields(name, x, y, new Set(['script', 'env']));
    this.named('env', name, fieldsOf(x['env']), fieldsOf(y['env']));
    this.named('argument', name, fieldsOf(a['defaultArguments']), fieldsOf(b['defaultArguments']));
    this.fields(name, a, b, new Set(['executable', 'defaultArguments']));
  }

  private script(of: string, a: Fields, b: Fields): void {
    const [old, now] = [a['script'], b['script']];
    if (old === now || old === undefined || now === undefined) {
      if (old !== now) this.fields(of, { script: old ?? null }, { script: now ?? null }, new Set());
      return;
    }
    const [x, y] = [textOf(old), textOf(now)];
    if (x.replace(/\s+/g, '') === y.replace(/\s+/g, '')) return this.tell(of, 'scriptSpace', {});
    this.tell(of, 'script', { count: changedLines(x.split('\n'), y.split('\n')) });
  }

  /** Entries of a map of names: environment, arguments, parameters. */
  private named(what: string, of: string, a: Fields, b: Fields): void {
    for (const name of Object.keys(a)) if (!(name in b)) this.tell(of, `${what}Removed`, { name });
    for (const [name, value] of Object.entries(b)) {
      if (!(name in a)) this.tell(of, `${what}Added`, { name, now: said(value) });
      else if (!same(a[name], value)) this.tell(of, `${what}Changed`, { name, old: said(a[name]), now: said(value) });
    }
  }

  /** All fields but some, each by itself. */
  private fields(of: string, a: Fields, b: Fields, but: ReadonlySet<string>): void {
    for (const field of new Set([...Object.keys(a), ...Object.keys(b)])) {
      if (but.has(field) || same(a[field], b[field])) continue;
      const [old, now] = [a[field], b[field]];
      const runs = !quiet.has(field);
      if (isFields(old) && isFields(now)) this.fields(of, old, now, new Set());
      else if (old === undefined) this.tell(of, 'set', { field, now: short(now) }, runs);
      else if (now === undefined) this.tell(of, 'unset', { field, old: short(old) }, runs);
      else this.tell(of, 'changed', { field, old: short(old), now: short(now) }, runs);
    }
  }

  /** The steps of a sequence: which came, went and moved, and what changed in those that stayed. */
  private steps(where: string, a: Value[], b: Value[]): void {
    const pairs = pair(a, b);
    const stays = new Map(pairs.map(([i, j]) => [j, i]));
    const taken = new Set(pairs.map(([i]) => i));
    const gone = a.map((_, i) => i).filter((i) => !taken.has(i));
    const values = (name: string, j: number) => {
      const after = j > 0 ? nameOf(b[j - 1]) : '';
      return { name, where, after };
    };
    b.forEach((step, j) => {
      if (stays.has(j)) return;
      const name = nameOf(step);
      // One without a name of its own is the same only if all of it is.
      const moved = gone.findIndex((i) => isSame(a[i], step) && (nameOf(step) !== typeOf(step) || same(a[i], step)));
      const key = moved >= 0 ? 'stepMoved' : 'stepAdded';
      this.tell(name, j > 0 ? `${key}After` : where === '' ? `${key}First` : `${key}Into`, values(name, j));
      if (moved < 0) return;
      const [from] = gone.splice(moved, 1);
      this.step(where, fieldsOf(a[from ?? 0]), fieldsOf(step));
    });
    for (const i of gone) this.tell(nameOf(a[i]), 'stepRemoved', { name: nameOf(a[i]) });
    for (const [i, j] of pairs) this.step(where, fieldsOf(a[i]), fieldsOf(b[j]));
  }

  private step(where: string, a: Fields, b: Fields): void {
    if (same(a, b)) return;
    const name = nameOf(b);
    if (a['TYPE'] === 'Execute.Anonymous') this.job(name, fieldsOf(a['job']), fieldsOf(b['job']));
    this.named('argument', name, fieldsOf(a['defaultArguments']), fieldsOf(b['defaultArguments']));
    this.conditions(name, listOf(a['ifThens']), listOf(b['ifThens']));
    this.fields(name, a, b, new Set([...blocks, 'job', 'defaultArguments']));
    const [old, now] = [new Map(lanesOf(a)), new Map(lanesOf(b))];
    for (const lane of old.keys()) if (!now.has(lane)) this.tell(name, 'laneRemoved', { name, lane });
    for (const [lane, block] of now) {
      const inside = [where, name, lane].filter(Boolean).join(', ');
      if (!old.has(lane)) this.tell(name, 'laneAdded', { name, lane });
      this.block(inside, fieldsOf(old.get(lane)), fieldsOf(block));
      this.named('result', inside, fieldsOf(fieldsOf(old.get(lane))['result']), fieldsOf(fieldsOf(block)['result']));
    }
  }

  private conditions(of: string, a: Value[], b: Value[]): void {
    a.slice(0, b.length).forEach((x, i) => {
      const [old, now] = [fieldsOf(x)['predicate'], fieldsOf(b[i])['predicate']];
      if (old !== now) this.tell(of, 'changed', { field: 'predicate', old: short(old), now: short(now) });
    });
  }
}

/** A value of a map: a parameter's default counts, of others the value itself. */
function said(v: Value | undefined): string {
  return short(isFields(v) ? (v['default'] ?? v['final'] ?? v['type'] ?? v) : v);
}

/** How many lines of a text are new or other ones. */
function changedLines(a: string[], b: string[]): number {
  const kept = longestCommon(a, b, (x, y) => x === y).length;
  return Math.max(a.length, b.length) - kept;
}

/** Which steps of two sequences are the same: by name, in their order. */
function pair(a: Value[], b: Value[]): [number, number][] {
  return longestCommon(a, b, isSame);
}

const typeOf = (step: Value | undefined) => textOf(fieldsOf(step)['TYPE']);
const isSame = (a: Value | undefined, b: Value | undefined) => typeOf(a) === typeOf(b) && nameOf(a) === nameOf(b);

/** At most so many pairs are compared; what is beyond counts as new. */
const compared = 4_000_000;

function longestCommon<T>(a: readonly T[], b: readonly T[], is: (x: T, y: T) => boolean): [number, number][] {
  const out: [number, number][] = [];
  let head = 0;
  while (head < a.length && head < b.length && is(a[head] as T, b[head] as T)) {
    out.push([head, head]);
    head++;
  }
  let [x, y] = [a.length, b.length];
  const tail: [number, number][] = [];
  while (x > head && y > head && is(a[x - 1] as T, b[y - 1] as T)) tail.unshift([--x, --y]);
  const [n, m] = [x - head, y - head];
  if (n * m <= compared) {
    const width = m + 1;
    const common = new Uint32Array((n + 1) * width);
    const at = (i: number, j: number) => common[i * width + j] ?? 0;
    const eq = (i: number, j: number) => is(a[head + i] as T, b[head + j] as T);
    for (let i = n - 1; i >= 0; i--) {
      for (let j = m - 1; j >= 0; j--) {
        common[i * width + j] = eq(i, j) ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
      }
    }
    for (let [i, j] = [0, 0]; i < n && j < m;) {
      if (eq(i, j)) out.push([head + i++, head + j++]);
      else if (at(i + 1, j) >= at(i, j + 1)) i++;
      else j++;
    }
  }
  return [...out, ...tail];
}
