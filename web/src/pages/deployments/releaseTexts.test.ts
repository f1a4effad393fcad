import { expect, it } from 'vitest';
import { textsOf } from './releaseTexts';

const text = (script: string, more: object = {}) =>
  JSON.stringify({
    TYPE: 'Workflow',
    path: 'w',
    versionId: String(Math.random()),
    instructions: [{ TYPE: 'Execute.Named', jobName: 'a' }],
    jobs: { a: { agentPath: 'agent-1', executable: { TYPE: 'ShellScriptExecutable', script } } },
    ...more,
  });

it('tells what a release changes at an object, whatever its version is called', () => {
  expect(textsOf('', text('x'))).toMatchObject({ change: 'new', runs: false });
  expect(textsOf(text('x'), text('x'))).toMatchObject({ change: 'same', runs: false });
  expect(textsOf(text('x'), text('y'))).toMatchObject({ change: 'changed', runs: true });
  expect(textsOf(text('x'), text('x', { title: 't' }))).toMatchObject({ change: 'changed', runs: false });
});

it('takes what it cannot read for something that runs differently', () => {
  expect(textsOf('{', text('x'))).toMatchObject({ change: 'changed', runs: true });
});
