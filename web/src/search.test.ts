import { expect, it } from 'vitest';
import * as search from './search';

it.each([
  ['/orders?state=Failed', '/orders?state=Failed'],
  ['/', '/'],
  ['//evil.example', undefined],
  ['/\\evil.example', undefined],
  ['https://evil.example', undefined],
  ['javascript:alert(1)', undefined],
  [undefined, undefined],
])('a login leads from %s to %s', (next, want) => expect(search.login({ next })).toStrictEqual({ next: want }));

it('says of each value that makes no sense that there is none', () => {
  expect(search.order({ tab: 'nonsense', line: 12 })).toStrictEqual({
    tab: undefined,
    step: undefined,
    line: '12',
    find: undefined,
    resume: undefined,
  });
  expect(search.order({ resume: [1, 'try', 0] }).resume).toBe('[1,"try",0]');
});
