import type { Family } from '../theme/tokens';

/** How loud a state is: filled, when a person has to act; tinted, when it moves; outlined, at rest. */
export type Form = 'filled' | 'tinted' | 'outlined';

export type IconName =
  | 'clock'
  | 'circle'
  | 'play'
  | 'ring'
  | 'ring-dot'
  | 'hand'
  | 'loop-clock'
  | 'moon'
  | 'fork'
  | 'pause'
  | 'square'
  | 'octagon'
  | 'octagon-small'
  | 'cracked'
  | 'check'
  | 'check-bang'
  | 'slash'
  | 'hourglass'
  | 'broken-link'
  | 'bolt'
  | 'net'
  | 'arrow'
  | 'plug'
  | 'plug-apart'
  | 'crown'
  | 'seal'
  | 'seal-broken'
  | 'pencil'
  | 'pencil-cross'
  | 'skip'
  | 'dot-ring';

export interface Look {
  family: Family;
  form: Form;
  icon: IconName;
}

/** What an order's status looks like. The keys are names of the API, and of the words in the message files. */
export const orderLooks: Record<string, Look> = {
  Failed: { family: 'fail', form: 'filled', icon: 'octagon' },
  FailedWhileFresh: { family: 'fail', form: 'filled', icon: 'octagon' },
  FailedInFork: { family: 'fail', form: 'outlined', icon: 'octagon-small' },
  Broken: { family: 'fail', form: 'filled', icon: 'cracked' },
  Suspended: { family: 'attn', form: 'filled', icon: 'pause' },
  Stopped: { family: 'attn', form: 'filled', icon: 'square' },
  StoppedWhileFresh: { family: 'attn', form: 'filled', icon: 'square' },
  ProcessingKilled: { family: 'attn', form: 'outlined', icon: 'hand' },
  Processing: { family: 'run', form: 'tinted', icon: 'ring' },
  Processed: { family: 'run', form: 'tinted', icon: 'ring-dot' },
  Forked: { family: 'run', form: 'tinted', icon: 'fork' },
  Ready: { family: 'run', form: 'outlined', icon: 'play' },
  DelayingRetry: { family: 'wait', form: 'outlined', icon: 'loop-clock' },
  Sleeping: { family: 'wait', form: 'outlined', icon: 'moon' },
  NotStarted: { family: 'wait', form: 'outlined', icon: 'circle' },
  Scheduled: { family: 'wait', form: 'outlined', icon: 'clock' },
  Finished: { family: 'ok', form: 'outlined', icon: 'check' },
  Cancelled: { family: 'off', form: 'outlined', icon: 'slash' },
};

/** The order in which statuses are counted and shown: those first that need a person. */
export const statuses = Object.keys(orderLooks);

/** Statuses that are counted and filtered as one, each under the name of the first. */
export const statusGroups: readonly [name: string, of: readonly string[]][] = [
  ['Failed', ['Failed', 'FailedWhileFresh', 'FailedInFork']],
  ['Broken', ['Broken']],
  ['Suspended', ['Suspended']],
  ['Stopped', ['Stopped', 'StoppedWhileFresh']],
  ['Processing', ['Processing', 'Processed', 'ProcessingKilled']],
  ['Forked', ['Forked']],
  ['Ready', ['Ready']],
  ['DelayingRetry', ['DelayingRetry']],
  ['Sleeping', ['Sleeping']],
  ['NotStarted', ['NotStarted']],
  ['Scheduled', ['Scheduled']],
  ['Finished', ['Finished', 'Cancelled']],
];

/** What an outcome of a step looks like. */
export const outcomeLooks: Record<string, Look> = {
  Running: { family: 'run', form: 'tinted', icon: 'ring' },
  Succeeded: { family: 'ok', form: 'outlined', icon: 'check' },
  Failed: { family: 'fail', form: 'outlined', icon: 'octagon' },
  TimedOut: { family: 'fail', form: 'outlined', icon: 'hourglass' },
  Killed: { family: 'attn', form: 'outlined', icon: 'hand' },
  ProcessLost: { family: 'attn', form: 'outlined', icon: 'broken-link' },
  Disrupted: { family: 'fail', form: 'outlined', icon: 'bolt' },
  Caught: { family: 'attn', form: 'outlined', icon: 'net' },
  Cancelled: { family: 'off', form: 'outlined', icon: 'slash' },
};

/** What an Agent's or Controller's state looks like. */
export const partLooks: Record<string, Look> = {
  Connected: { family: 'ok', form: 'outlined', icon: 'plug' },
  CutOff: { family: 'attn', form: 'filled', icon: 'plug-apart' },
  Disabled: { family: 'off', form: 'outlined', icon: 'slash' },
  Leads: { family: 'ok', form: 'outlined', icon: 'crown' },
  Follows: { family: 'ok', form: 'outlined', icon: 'check' },
  Joining: { family: 'attn', form: 'tinted', icon: 'loop-clock' },
  Away: { family: 'fail', form: 'filled', icon: 'plug-apart' },
  Unreachable: { family: 'fail', form: 'filled', icon: 'plug-apart' },
  Services: { family: 'ok', form: 'outlined', icon: 'crown' },
  StandsBy: { family: 'ok', form: 'outlined', icon: 'check' },
  Silent: { family: 'attn', form: 'outlined', icon: 'plug-apart' },
};

/** What an object of the inventory looks like. */
export const objectLooks: Record<string, Look> = {
  draft: { family: 'wait', form: 'outlined', icon: 'pencil' },
  invalid: { family: 'fail', form: 'outlined', icon: 'pencil-cross' },
  changed: { family: 'attn', form: 'outlined', icon: 'seal' },
  deployed: { family: 'ok', form: 'outlined', icon: 'seal' },
  notDeployed: { family: 'off', form: 'outlined', icon: 'slash' },
  untrusted: { family: 'trust', form: 'filled', icon: 'seal-broken' },
};
