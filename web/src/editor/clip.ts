import type { JSONPath } from 'jsonc-parser';
import { jobPathOf, placeOfStep, type Edited } from './document';
import {
  countAt,
  fieldAt,
  isRead,
  isWithin,
  namesAt,
  nodeAt,
  readDocument,
  valueAt,
  type Document,
  type Value,
} from './read';
import { again, copied, indented, put } from './splice';

// What the clipboard holds of a workflow is a document of its own: the step, and the
// jobs that it runs. So it can go into another workflow, or into a mail.

/** Writes a step with the jobs that it runs, spelled as they are. */
export function clipped(doc: Document, path: JSONPath): string {
  const written = (at: JSONPath) => {
    const node = nodeAt(doc, at);
    const { indent } = copied(doc, at);
    return indented(node ? doc.text.slice(node.offset, node.offset + node.length) : '{}', indent, '    ');
  };
  const jobs = [...jobsOf(doc, path)].map(([name, at]) => `\n    ${JSON.stringify(name)}: ${written(at)}`);
  const list = jobs.length > 0 ? `${jobs.join(',')}\n  ` : '';
  return `{\n  "instructions": [\n    ${written(path)}\n  ],\n  "jobs": {${list}}\n}\n`;
}

/** The jobs that a step and all in it run, by name; but not those that it has itself. */
function jobsOf(doc: Document, path: JSONPath): Map<string, JSONPath> {
  const found = new Map<string, JSONPath>();
  const visit = (value: Value | undefined, at: JSONPath) => {
    if (Array.isArray(value)) value.forEach((v, i) => visit(v, [...at, i]));
    else if (typeof value === 'object' && value !== null) {
      const job = value['TYPE'] === 'Execute.Named' ? jobPathOf(doc, at) : undefined;
      if (job && !isWithin(job, path)) found.set(fieldAt(doc, [...at, 'jobName']), job);
      for (const [name, v] of Object.entries(value)) visit(v, [...at, name]);
    }
  };
  visit(valueAt(doc, path), path);
  return found;
}

/** Tells whether a text is what `clipped` writes, or any workflow with steps. */
export function readClip(text: string): Document | undefined {
  const clip = readDocument(text);
  return isRead(clip) && countAt(clip, ['instructions']) > 0 ? clip : undefined;
}

/**
 * Puts the steps of a clip to a place. Jobs that the workflow hasn't come along; of one
 * that it has, its own is meant.
 */
export function pasted(doc: Document, clip: Document, sequence: JSONPath, index: number): Edited {
  let next = doc;
  for (let i = 0; i < countAt(clip, ['instructions']); i++) {
    const { piece, indent } = copied(clip, ['instructions', i]);
    next = again(put(next, sequence, index + i, { piece, indent }));
  }
  for (const name of namesAt(clip, ['jobs'])) {
    if (nodeAt(next, ['jobs', name])) continue;
    if (!nodeAt(next, ['jobs'])) next = again(put(next, [], 99, { value: {} }, 'jobs'));
    const node = nodeAt(clip, ['jobs', name]);
    if (!node) continue;
    const body = clip.text.slice(node.offset, node.offset + node.length);
    const { indent } = copied(clip, ['jobs', name]);
    next = again(
      put(next, ['jobs'], namesAt(next, ['jobs']).length, { piece: { above: [], body, behind: '' }, indent }, name),
    );
  }
  return { text: next.text, at: [...sequence, index] };
}

/** The place behind a step; without one, the workflow's end. */
export function placeBehind(doc: Document, path: JSONPath | undefined): { sequence: JSONPath; index: number } {
  if (!path) return { sequence: ['instructions'], index: countAt(doc, ['instructions']) };
  const { sequence, index } = placeOfStep(path);
  return { sequence, index: index + 1 };
}
