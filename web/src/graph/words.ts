import type { TFunction } from 'i18next';
import type { Block, Step } from './tree';

/** The word for an instruction. One that nobody knows is called by its own name. */
export function typeWord(step: Step, t: TFunction): string {
  return t(`graph.type.${step.type.replace('.', '_')}`, step.type || t('graph.type.unknown'));
}

/** What a step is called: its label, else its job's name, else the word for it. */
export function stepName(step: Step, t: TFunction): string {
  return step.label || step.jobName || typeWord(step, t);
}

/** What a step says of itself, in a line. */
export function stepDetail(step: Step, t: TFunction): string {
  if (step.job) return [step.job.agent, firstLine(step.job.script)].filter(Boolean).join(' · ');
  if (step.tries) return triesText(step.tries, t);
  if (step.type === 'Sleep' && /^[\d.]+$/.test(step.detail)) return t('graph.seconds', { seconds: step.detail });
  return step.detail;
}

function triesText({ most, delays }: { most: string; delays: string[] }, t: TFunction): string {
  const shown = delays.length > 5 ? [...delays.slice(0, 5), '…'] : delays;
  const pause = shown.length ? t('graph.pauses', { seconds: shown.join(', ') }) : '';
  return [most && t('graph.tries', { most }), pause].filter(Boolean).join(', ');
}

/** The first line of a script that does something. */
export function firstLine(script: string): string {
  const lines = script.split('\n').map((l) => l.trim());
  const line = lines.find((l) => l !== '' && !l.startsWith('#')) ?? lines.find((l) => l !== '') ?? '';
  return line.length > 120 ? `${line.slice(0, 120)}…` : line;
}

/** What stands over a lane. */
export function laneName(block: Block, t: TFunction): string {
  if (block.kind === 'fork') return block.title;
  const word = t(`graph.lane.${block.kind === 'then' && block.id !== 'then' ? 'elseIf' : block.kind}`, block.kind);
  return block.title ? `${word} ${block.title}` : word;
}
