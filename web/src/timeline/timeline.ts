import type { Schemas } from '../api/client';
import { messageIn, type Outcome } from '../state/outcome';

/** A run of a step, as the timeline needs it. Times are in milliseconds. */
export interface Step {
  orderId: string;
  position: unknown[];
  label: string;
  job: string;
  agent: string;
  /** Names the run and its log at the Agent. */
  task: string;
  try: number;
  start: number;
  /** Absent while it runs. */
  end?: number | undefined;
  outcome?: unknown;
  returnCode?: number | undefined;
}

/** Reads a row of the API, whose fields depend on what was asked for. */
export function stepOf(r: Schemas['HistoryStep']): Step {
  return {
    orderId: r.orderId ?? '',
    position: r.position ?? [],
    label: r.label ?? '',
    job: r.job ?? '',
    agent: r.agent ?? '',
    task: r.task ?? '',
    try: r.try ?? 1,
    start: r.start ?? 0,
    end: r.end,
    outcome: r.outcome,
    returnCode: r.returnCode,
  };
}

/** One row of a timeline, in milliseconds. */
export interface Bar {
  step: Step;
  /** Depth of the child order, from 0. */
  depth: number;
  /** The branch that the step is in, for a child order. */
  branch: string;
  from: number;
  to: number;
  outcome: string;
}

/** A moment's place on the axis, from 0 to 1; stretches in which nothing ran are short. */
export type Scale = (ms: number) => number;

/** The one word for how a step ended, as outcomeLooks names it. */
export function outcomeOf(step: Pick<Step, 'end' | 'outcome'>): string {
  if (step.end === undefined || step.end === 0) return 'Running';
  const o = step.outcome as Outcome | undefined;
  if (o?.TYPE === 'Disrupted' && o.reason?.TYPE === 'ProcessLost') return 'ProcessLost';
  return o?.TYPE ?? 'Succeeded';
}

/** What the outcome of a step says in words. */
export function messageOf(step: Pick<Step, 'outcome'>): string {
  return messageIn(step.outcome as Outcome | undefined);
}

export function bars(steps: readonly Step[], now: number): Bar[] {
  return steps.map((step) => {
    const branches = step.orderId.split('|').slice(1);
    return {
      step,
      depth: branches.length,
      branch: branches.at(-1) ?? '',
      from: step.start,
      to: Math.max(step.start, step.end || now),
      outcome: outcomeOf(step),
    };
  });
}

export interface Gap {
  from: number;
  to: number;
}

/** Share of the axis that one stretch without a running step may take. */
const idleShare = 0.2;
/** A stretch this short is never folded, in milliseconds. */
const shortest = 10_000;
/** What is left of a longer one. */
const foldedShare = 0.04;

/** Stretches in which nothing ran for long, and that would take more than a fifth of the axis. */
export function gaps(all: readonly Bar[]): Gap[] {
  const sorted = [...all].sort((a, b) => a.from - b.from);
  const first = sorted[0]?.from ?? 0;
  const last = Math.max(first, ...sorted.map((b) => b.to));
  const found: Gap[] = [];
  let busyUntil = first;
  for (const b of sorted) {
    if (b.from - busyUntil > Math.max(shortest, idleShare * (last - first)))
      found.push({ from: busyUntil, to: b.from });
    busyUntil = Math.max(busyUntil, b.to);
  }
  return found;
}

/** Returns the scale of an axis on which long idle stretches are folded. */
export function scaleOf(all: readonly Bar[]): Scale {
  const first = Math.min(...all.map((b) => b.from));
  const last = Math.max(...all.map((b) => b.to), first + 1);
  const folded = gaps(all);
  const idle = folded.reduce((sum, g) => sum + g.to - g.from, 0);
  const busy = Math.max(1, last - first - idle);
  const each = folded.length ? foldedShare : 0;
  const room = 1 - each * folded.length;
  return (ms) => {
    let at = Math.min(Math.max(ms, first), last) - first;
    let extra = 0;
    for (const g of folded) {
      if (ms >= g.to) {
        at -= g.to - g.from;
        extra += each;
      } else if (ms > g.from) {
        at -= ms - g.from;
        extra += (each * (ms - g.from)) / (g.to - g.from);
      }
    }
    return (at / busy) * room + extra;
  };
}
