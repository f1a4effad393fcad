// Reports vitest's results as `go test -json` does, so that one program sums up all
// tests of the repository.
const line = (event) => process.stdout.write(JSON.stringify(event) + '\n');

export default class {
  onInit(context) {
    this.name = context.config.name || 'web';
    this.begun = Date.now();
    line({ Action: 'start', Package: this.name });
  }

  onTestCaseResult(test) {
    const { state, errors } = test.result();
    const event = { Package: this.name, Test: `${test.module.relativeModuleId}/${test.fullName}` };
    for (const e of errors ?? []) {
      line({ ...event, Action: 'output', Output: `    ${e.stack ?? e.message}\n` });
      if (e.diff) line({ ...event, Action: 'output', Output: `${e.diff}\n` });
    }
    line({
      ...event,
      Action: state === 'passed' ? 'pass' : state === 'failed' ? 'fail' : 'skip',
      Elapsed: (test.diagnostic()?.duration ?? 0) / 1000,
    });
  }

  onTestRunEnd(modules, unhandled) {
    let failed = unhandled.length > 0;
    for (const e of unhandled) line({ Action: 'output', Package: this.name, Output: `${e.stack ?? e.message}\n` });
    for (const m of modules) {
      for (const e of m.errors())
        line({ Action: 'output', Package: this.name, Output: `${m.relativeModuleId}: ${e.stack ?? e.message}\n` });
      failed ||= !m.ok();
    }
    line({ Action: failed ? 'fail' : 'pass', Package: this.name, Elapsed: (Date.now() - this.begun) / 1000 });
  }
}
