import type { TFunction } from 'i18next';
import type { JSONPath } from 'jsonc-parser';
import { kinds, type Kind } from './document';
import { namesAt, type Document } from './read';

/** A place in a workflow to which a step can be put. */
export interface Place {
  sequence: JSONPath;
  index: number;
  /** What the place is called: "Insert after LOAD". */
  title: string;
}

/** What can be put into a workflow: an instruction, or a job that the workflow has already. */
export interface Choice {
  key: string;
  kind: Kind;
  job?: string;
  name: string;
  text: string;
}

export function choicesOf(doc: Document, t: TFunction): Choice[] {
  return [
    ...kinds.map((kind) => ({ key: kind, kind, name: t(`edit.kind.${kind}`), text: t(`edit.kindText.${kind}`) })),
    ...namesAt(doc, ['jobs']).map((job) => ({
      key: `job ${job}`,
      kind: 'Job' as const,
      job,
      name: job,
      text: t('edit.insert.job'),
    })),
  ];
}

/** TYPE of the instruction that a choice makes: by it the icon is found. */
export const typeOf = (c: Choice) => (c.kind === 'Job' ? 'Execute.Named' : c.kind);
