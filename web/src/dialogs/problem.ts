import type { TFunction } from 'i18next';
import { Problem } from '../api/client';

/** Why something was refused, in a sentence with its code. */
export function problemText(problem: unknown, t: TFunction): string {
  if (!(problem instanceof Problem)) return problem instanceof Error ? problem.message : String(problem);
  if (problem.kind === 'offline') return t('view.noConnection');
  return [problem.message, ...problem.problems.map((d) => (d.where ? `${d.where}: ${d.message}` : d.message))]
    .join('\n')
    .concat(` (${problem.code})`);
}
