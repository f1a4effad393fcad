import type { JSONPath } from 'jsonc-parser';
import { createContext, useContext } from 'react';
import type { Step, Tree } from '../graph/tree';
import type { Edited } from './document';
import type { Intention } from './history';
import { isWithin, pathOf, pointerOf, type Document } from './read';
import type { DraftSession, Finding } from './session';

/** What graph and form work with: the document as it could last be read, and how it is changed. */
export interface Bench {
  session: DraftSession;
  doc: Document;
  tree: Tree;
  /** The chosen step; undefined: the workflow itself. */
  step: Step | undefined;
  /** Nothing can be changed: the text can't be read, or the account may not. */
  frozen: boolean;
  problems: readonly Finding[];
  agents: readonly string[];
  /** What expressions can name. */
  words: {
    parameters: readonly string[];
    labels: readonly string[];
    jobs: readonly string[];
    /** Paths of job resources. */
    resources: readonly string[];
  };
  /** Changes the document, and chooses what the edit says. */
  act: (by: Intention, edit: (doc: Document) => Edited | undefined) => void;
  choose: (path: JSONPath | undefined) => void;
}

export const BenchContext = createContext<Bench | undefined>(undefined);

export function useBench(): Bench {
  const bench = useContext(BenchContext);
  if (!bench) throw new Error('not in an editor');
  return bench;
}

/** The innermost step at a place, or around it. */
export function stepAt(tree: Tree, path: JSONPath): Step | undefined {
  let found: Step | undefined;
  for (const step of tree.steps.values()) {
    if (isWithin(path, step.path) && step.path.length > (found?.path.length ?? 0) && step.type !== 'ImplicitEnd') {
      found = step;
    }
  }
  return found;
}

/** How many problems there are at each step, by key: at its own place, and at that of its job. */
export function problemsByStep(doc: Document, tree: Tree, problems: readonly Finding[]): Map<string, Finding[]> {
  const found = new Map<string, Finding[]>();
  const add = (step: Step | undefined, p: Finding) => step && found.set(step.key, [...(found.get(step.key) ?? []), p]);
  for (const p of problems) {
    if (p.pointer === undefined) continue;
    const path = pathOf(doc, p.pointer);
    const jobs = path.lastIndexOf('jobs');
    const job = jobs >= 0 && path.length > jobs + 1 ? path[jobs + 1] : undefined;
    if (job === undefined) add(stepAt(tree, path), p);
    else {
      for (const step of tree.steps.values()) {
        if (step.jobName === job && isWithin(step.path, path.slice(0, jobs))) add(step, p);
      }
    }
  }
  return found;
}

/** What is wrong at a place, in a line; undefined if nothing is. */
export function wrongAt(problems: readonly Finding[], path: JSONPath): string | undefined {
  const pointer = pointerOf(path);
  const here = problems.filter((p) => p.pointer === pointer);
  return here.length > 0 ? here.map((p) => [p.message, p.hint].filter(Boolean).join('; ')).join('\n') : undefined;
}
