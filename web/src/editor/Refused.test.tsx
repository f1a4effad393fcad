import { expect, it } from 'vitest';
import { placeOfProblem } from './Refused';

it.each([
  ['Workflow:nightly/load /jobs/LOAD', { kind: 'Workflow', path: 'nightly/load', pointer: '/jobs/LOAD' }],
  ['Workflow:nightly/load /', { kind: 'Workflow', path: 'nightly/load', pointer: undefined }],
  ['Agent:agent-1', { kind: 'AgentRef', path: 'agent-1', pointer: undefined }],
  ['Order:X', undefined],
  ['$.objects[0]', undefined],
  ['constructor:x', undefined],
  [undefined, undefined],
])('reads the place %j', (where, want) => {
  expect(placeOfProblem(where)).toEqual(want);
});
