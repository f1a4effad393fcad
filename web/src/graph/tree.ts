import { parseTree, type JSONPath, type Node } from 'jsonc-parser';
import { keyOf, type Position } from './position';

/** What a step runs. */
export interface Job {
  agent: string;
  /** TYPE of the executable. */
  kind: string;
  /** Script, path or command line. */
  script: string;
  processLimit: string;
  timeout: string;
}

/** An instruction of a workflow. */
export interface Step {
  position: Position;
  /** The text of the position: what tells a step from another. */
  key: string;
  type: string;
  label: string;
  /** Name of the job; empty if it has none. */
  jobName: string;
  job: Job | undefined;
  /** What the instruction says of itself: a condition, an expression, names. */
  detail: string;
  /** The rounds of a Try, and the seconds before each but the first. */
  tries: { most: string; delays: string[] } | undefined;
  blocks: Block[];
  /** Steps in its blocks. */
  inside: number;
  /** Where it stands in the document. */
  path: JSONPath;
  parent: Block | undefined;
}

/** A sequence of steps: the workflow's own, or one in an instruction. */
export interface Block {
  /** As in positions: "then+2", "fork+A"; empty for the workflow's own. */
  id: string;
  kind: string;
  /** Of this block alone: a condition, the id of a branch. */
  title: string;
  steps: Step[];
  path: JSONPath;
  parent: Step | undefined;
}

export interface Tree {
  root: Block;
  /** All steps, by key. */
  steps: ReadonlyMap<string, Step>;
  timeZone: string;
}

type Fields = ReadonlyMap<string, Node>;

/** Blocks of the instructions that have one, by TYPE: the field it is in, and its branch id. */
const single: Record<string, [field: string, branch: string]> = {
  ForkList: ['workflow', 'fork'],
  Options: ['block', 'options'],
  Lock: ['lockedWorkflow', 'lock'],
  Cycle: ['cycleWorkflow', 'cycle'],
  ConsumeNotices: ['subworkflow', 'consumeNotices'],
  StickySubagent: ['subworkflow', 'stickySubagent'],
  AdmissionTime: ['block', 'admissionTime'],
};

/** Where instructions say what they are about. */
const details: Record<string, string> = {
  ForkList: 'children',
  Fail: 'message',
  Sleep: 'duration',
  Prompt: 'question',
  AddOrder: 'workflowPath',
  ExpectNotices: 'boardPaths',
  ConsumeNotices: 'boardPaths',
  PostNotices: 'boardPaths',
  ExpectNotice: 'boardPath',
  PostNotice: 'boardPath',
  StickySubagent: 'agentPath',
  Options: 'stopOnFailure',
};

// Names of fields are data, and "__proto__" is one: maps have no prototype's fields.
function fieldsOf(node: Node | undefined): Fields {
  const fields = new Map<string, Node>();
  if (node?.type !== 'object') return fields;
  for (const property of node.children ?? []) {
    const [name, value] = property.children ?? [];
    if (name && value) fields.set(String(name.value), value);
  }
  return fields;
}

const itemsOf = (node: Node | undefined): readonly Node[] => (node?.type === 'array' ? (node.children ?? []) : []);

/** What the document can't be read as. */
export class BadDocument extends Error {}

/**
 * Reads a workflow's document, which may have been parsed already: what the engine
 * doesn't know is a step like others.
 */
export function readTree(
  document: string,
  node: Node | undefined = parseTree(document, [], { allowTrailingComma: true }),
): Tree {
  const fields = fieldsOf(node);
  if (fields.get('instructions')?.type !== 'array') throw new BadDocument('The document has no instructions');
  return new Reader(document).tree(fields);
}

class Reader {
  private readonly steps = new Map<string, Step>();

  constructor(private readonly document: string) {}

  tree(fields: Fields): Tree {
    const root = this.block(fields, { id: '', title: '', at: [], path: [], parent: undefined, jobs: new Map() });
    return { root, steps: this.steps, timeZone: this.text(fields.get('timeZone')) || 'UTC' };
  }

  /** A value as a text: a string's own, of others what stands in the document. */
  private text(node: Node | undefined): string {
    if (!node) return '';
    if (node.type === 'string') return String(node.value);
    if (node.type === 'array')
      return itemsOf(node)
        .map((n) => this.text(n))
        .join(', ');
    return this.document.slice(node.offset, node.offset + node.length);
  }

  private block(fields: Fields, c: Place): Block {
    const block: Block = {
      id: c.id,
      kind: c.id.split('+', 1)[0] ?? '',
      title: c.title,
      steps: [],
      path: c.path,
      parent: c.parent,
    };
    const own = fieldsOf(fields.get('jobs'));
    const jobs = own.size ? new Map([...c.jobs, ...own]) : c.jobs;
    itemsOf(fields.get('instructions')).forEach((node, nr) => {
      block.steps.push(this.step(fieldsOf(node), [...c.at, nr], [...c.path, 'instructions', nr], block, jobs));
    });
    const last = block.steps.at(-1)?.type;
    if (last !== 'End' && last !== 'ImplicitEnd') {
      block.steps.push(this.end([...c.at, block.steps.length], block));
    }
    return block;
  }

  private end(position: Position, parent: Block): Step {
    const step = blank(position, 'ImplicitEnd', [...parent.path, 'instructions', position.at(-1) ?? 0], parent);
    this.steps.set(step.key, step);
    return step;
  }

  private step(f: Fields, position: Position, path: JSONPath, parent: Block, jobs: Fields): Step {
    const step = blank(position, this.text(f.get('TYPE')), path, parent);
    this.steps.set(step.key, step);
    step.label = this.text(f.get('label'));
    step.jobName = this.text(f.get('jobName'));
    if (step.type === 'Execute.Named') step.job = this.job(fieldsOf(jobs.get(step.jobName)));
    if (step.type === 'Execute.Anonymous') step.job = this.job(fieldsOf(f.get('job')));
    step.detail = this.detail(step.type, f);
    if (step.type === 'Try') {
      const delays = itemsOf(f.get('retryDelays')).map((n) => this.text(n));
      step.tries = { most: this.text(f.get('maxTries')), delays };
    }
    for (const [node, id, title, at] of this.branches(step.type, f)) {
      const place = { id, title, at: [...position, id], path: [...path, ...at], parent: step, jobs };
      step.blocks.push(this.block(fieldsOf(node), place));
    }
    step.inside = step.blocks.reduce((n, b) => b.steps.reduce((m, s) => m + shown(s) + s.inside, n), 0);
    return step;
  }

  private job(f: Fields): Job {
    const e = fieldsOf(f.get('executable'));
    return {
      agent: this.text(f.get('agentPath')),
      kind: this.text(e.get('TYPE')),
      script: this.text(e.get('script') ?? e.get('path') ?? e.get('command')),
      processLimit: this.text(f.get('processLimit') ?? f.get('parallelism')),
      timeout: this.text(f.get('timeout')),
    };
  }

  private detail(type: string, f: Fields): string {
    if (type === 'Lock') {
      const demands = f.has('demands') ? itemsOf(f.get('demands')).map(fieldsOf) : [f];
      return demands
        .map((d) => this.text(d.get('lockPath')) + (d.has('count') ? ` (${this.text(d.get('count'))})` : ''))
        .join(', ');
    }
    if (type === 'Finish') return this.text(fieldsOf(f.get('outcome')).get('message'));
    return this.text(f.get(details[type] ?? ''));
  }

  /** The blocks of an instruction: content, branch id, title, and the way to it in the document. */
  private branches(type: string, f: Fields): [Node | undefined, string, string, JSONPath][] {
    if (type === 'If') return this.conditions(f);
    if (type === 'Try') {
      return [
        [f.get('try'), 'try', '', ['try']],
        [f.get('catch'), 'catch', '', ['catch']],
      ];
    }
    if (type === 'Fork') {
      return itemsOf(f.get('branches')).map((node, i) => {
        const branch = fieldsOf(node);
        const id = this.text(branch.get('id'));
        return [branch.get('workflow'), `fork+${id}`, id, ['branches', i, 'workflow']];
      });
    }
    const one = Object.hasOwn(single, type) ? single[type] : undefined;
    return one ? [[f.get(one[0]), one[1], '', [one[0]]]] : [];
  }

  private conditions(f: Fields): [Node | undefined, string, string, JSONPath][] {
    const out: [Node | undefined, string, string, JSONPath][] = itemsOf(f.get('ifThens')).map((node, i) => {
      const branch = fieldsOf(node);
      const id = i === 0 ? 'then' : `then+${i + 1}`;
      return [branch.get('then'), id, this.text(branch.get('predicate')), ['ifThens', i, 'then']];
    });
    if (!f.has('ifThens')) out.push([f.get('then'), 'then', this.text(f.get('predicate')), ['then']]);
    if (f.has('else')) out.push([f.get('else'), 'else', '', ['else']]);
    return out;
  }
}

interface Place {
  id: string;
  title: string;
  /** The position of the block: an even number of elements. */
  at: Position;
  path: JSONPath;
  parent: Step | undefined;
  jobs: Fields;
}

function blank(position: Position, type: string, path: JSONPath, parent: Block): Step {
  const key = keyOf(position);
  const none = { label: '', jobName: '', job: undefined, detail: '', tries: undefined };
  return { position, key, type, ...none, blocks: [], inside: 0, path, parent };
}

/** Ends that nobody has written aren't counted. */
const shown = (s: Step) => (s.type === 'ImplicitEnd' ? 0 : 1);

/** The steps around a step, the innermost first. */
export function around(step: Step): Step[] {
  const out: Step[] = [];
  for (let s = step.parent?.parent; s; s = s.parent?.parent) out.push(s);
  return out;
}

/** Tells whether a step is a job. */
export function isJob(step: Step): boolean {
  return step.type.startsWith('Execute.');
}
