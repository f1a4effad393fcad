const names: Record<string, string> = {
  open: 'Running',
  succeeded: 'Succeeded',
  failed: 'Failed',
  timedOut: 'TimedOut',
  killed: 'Killed',
  lost: 'ProcessLost',
  disrupted: 'Disrupted',
  cancelled: 'Cancelled',
};

/** The outcome that a result of the history is shown as. */
export function resultName(result: string): string {
  return names[result] ?? result;
}
