import { job, type Installation } from './installation';

function step(name: string, agent: string, script: string): object {
  return { [name]: { agentPath: agent, executable: { TYPE: 'ShellScriptExecutable', script } } };
}

const run = (name: string) => ({ TYPE: 'Execute.Named', jobName: name, label: name });

/** A workflow with branches, a retry and a condition. */
export const settle = {
  timeZone: 'Europe/Berlin',
  orderPreparation: {
    parameters: {
      day: { type: 'String' },
      limit: { type: 'Number', default: '100' },
      dry: { type: 'Boolean', default: 'false' },
    },
  },
  instructions: [
    run('check'),
    {
      TYPE: 'Fork',
      branches: [
        { id: 'extract', workflow: { instructions: [run('extract')] } },
        { id: 'rates', workflow: { instructions: [run('rates')] } },
      ],
    },
    {
      TYPE: 'Try',
      try: { instructions: [run('load')] },
      catch: { instructions: [{ TYPE: 'Retry' }] },
      retryDelays: [1],
      maxTries: 3,
    },
    { TYPE: 'If', predicate: '$dry', then: { instructions: [run('notify')] } },
  ],
  jobs: {
    ...step('check', 'agent-1', 'echo checking; sleep 0.3'),
    ...step('extract', 'agent-1', 'for i in 1 2 3; do echo extracting $i; sleep 0.2; done'),
    ...step('rates', 'agent-2', 'echo rates; sleep 0.4'),
    ...step(
      'load',
      'agent-1',
      'printf "\\033[32mconnected\\033[0m to db-7\\nloading 8112 rows\\n"; echo "ORA-01653: unable to extend table" >&2; exit 3',
    ),
    ...step('notify', 'agent-2', 'echo done'),
  },
};

/** Fills an installation with what a working day leaves. */
export async function fill(on: Installation): Promise<void> {
  await on.deploy('payments/settle', settle);
  await on.deploy('payments/month-end/report-of-the-whole-month-with-a-long-name', job('echo report'));
  await on.deploy('payments/month-end/close', job('echo closing'));
  await on.deploy('billing/reindex', job('echo reindexing; sleep 600'));
  await on.deploy('billing/invoices', job('echo invoices'));
  await on.signet('order', 'add', 'billing/invoices', '--id', 'invoice', '--count', '40', '--wait');
  await on.signet('order', 'add', 'billing/reindex', '--id', 'R', '--count', '4');
  await on.signet('order', 'add', 'payments/month-end/close', '--id', 'ME', '--count', '12', '--at', '+86400s');
  await on.signet('order', 'add', 'billing/invoices', '--id', 'held', '--at', '+7200s');
  await on.signet('order', 'suspend', 'held');
  await on
    .signet('order', 'add', 'payments/settle', '--id', 'P', '--count', '3', '--arg', 'day=2026-11-22', '--wait')
    .catch(() => undefined); // they fail: that is what they are for
}
