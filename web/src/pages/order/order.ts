// Reads an order as the API gives it: its form is that of the engine, which may
// have more fields than are shown here.

import type { Position } from '../../graph/position';
import { messageIn, valuesIn, type Outcome } from '../../state/outcome';

export interface HistoricOutcome {
  position: unknown[];
  outcome: Outcome;
}

export interface Order {
  id: string;
  workflow: { path: string; versionId: string };
  position: Position;
  status: string;
  mark: string;
  arguments: Record<string, unknown>;
  historicOutcomes: HistoricOutcome[];
  parent: string;
  by: string;
  /** Milliseconds; 0: not known. */
  addedAt: number;
  scheduledFor: number;
  until: number;
  agent: string;
  priority: number;
  obstacles: string[];
  reason: string;
  returnCode: number | undefined;
}

type Raw = {
  id: string;
  workflow: { path: string; versionId: string };
  position: Position;
  state: { TYPE: string; until?: number; subagentId?: string; problem?: { message?: string } };
  /** The one word for how it is, as the Cockpit finds it. */
  status?: string;
  arguments?: Record<string, unknown>;
  historicOutcomes?: HistoricOutcome[];
  outcome?: Outcome;
  parent?: string;
  mark?: { TYPE: string };
  by?: { account?: string };
  addedAt?: number;
  scheduledFor?: number;
  attachedState?: { agentPath?: string };
  priority?: number;
  obstacles?: unknown[];
};

export function readOrder(json: unknown): Order {
  const raw = json as Raw;
  const status = raw.status ?? raw.state.TYPE;
  const failed = /^(Failed|Stopped|Broken|DelayingRetry)/.test(status);
  const last = (raw.historicOutcomes ?? []).map((h) => h.outcome).findLast((o) => o.TYPE !== 'Caught');
  const code = valuesIn(last)['returnCode'];
  return {
    id: raw.id,
    workflow: raw.workflow,
    position: raw.position,
    status,
    mark: raw.mark?.TYPE ?? '',
    arguments: raw.arguments ?? {},
    historicOutcomes: raw.historicOutcomes ?? [],
    parent: raw.parent ?? '',
    by: raw.by?.account ?? '',
    addedAt: Math.floor((raw.addedAt ?? 0) / 1000),
    scheduledFor: raw.scheduledFor ?? 0,
    until: raw.state.until ?? 0,
    agent: raw.state.subagentId ?? raw.attachedState?.agentPath ?? '',
    priority: raw.priority ?? 0,
    obstacles: (raw.obstacles ?? []).filter((o): o is string => typeof o === 'string'),
    reason: raw.state.problem?.message ?? (failed ? messageIn(last) : ''),
    returnCode: failed && typeof code === 'number' ? code : undefined,
  };
}
