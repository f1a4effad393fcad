/** How a step ended, as the API gives it; what is wrapped is what the process had. */
export interface Outcome {
  TYPE: string;
  message?: string;
  namedValues?: Record<string, unknown>;
  outcome?: Outcome;
  reason?: { TYPE?: string; problem?: { code?: string; message?: string } };
}

/** What an outcome says in words; empty where its name and return code say all. */
export function messageIn(o: Outcome | undefined): string {
  if (!o) return '';
  return o.message || o.reason?.problem?.message || messageIn(o.outcome);
}

/** The values that a step has given, also one that timed out or was killed. */
export function valuesIn(o: Outcome | undefined): Record<string, unknown> {
  return o?.namedValues ?? (o?.outcome ? valuesIn(o.outcome) : {});
}
