import { expect, it } from 'vitest';
import { inLines, textsOf } from './releaseTexts';

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
  expect(textsOf(text('a\nb'), text('a\nc'))).toMatchObject({ change: 'changed', runs: true });
  expect(textsOf(text('x'), text('y'))).toMatchObject({ change: 'changed', runs: true });
  expect(textsOf(text('x'), text('x', { title: 't' }))).toMatchObject({ change: 'changed', runs: false });
});

it('takes what it cannot read for something that runs differently', () => {
  expect(textsOf('{', text('x'))).toMatchObject({ change: 'changed', runs: true });
});

it('shows a document in lines, and leaves out nothing of it', () => {
  const document = '{"a":[1,2.50,{}],"a":{"script":"#!/bin/sh\\necho \\"x\\"; \\\\n\\n","e":[]},"b":true}';
  expect(inLines(document)).toBe(
    [
      '{',
      '  "a": [',
      '    1,',
      '    2.50,',
      '    {}',
      '  ],',
      '  "a": {',
      '    "script": "#!/bin/sh\\n',
      '      echo \\"x\\"; \\\\n\\n",',
      '    "e": []',
      '  },',
      '  "b": true',
      '}',
    ].join('\n'),
  );
  for (const broken of ['{"a', '}}', '"\\', '[1,,{"x"}']) expect(inLines(broken).replace(/\s/g, '')).toBe(broken);
});
