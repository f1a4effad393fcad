import { expect, it } from 'vitest';
import { digestOf, tokens } from './json';

it.each([
  '{"a": [1.50, true, null, "x"], "b": {"c":"d"}}\n',
  '{ "unfinished: 1',
  ' /* c */ {"a":1} // end',
  '',
  '\u0000\ud800<img src=x>',
])('cuts %j without losing a character', (text) => {
  expect(
    tokens(text)
      .map((t) => t.text)
      .join(''),
  ).toBe(text);
});

it('tells names from values', () => {
  const kinds = tokens('{"a":"b","c":-1e3,"d":[false]}').filter((t) => t.kind !== '');
  expect(kinds.map((t) => `${t.kind} ${t.text}`)).toEqual([
    'key "a"',
    'string "b"',
    'key "c"',
    'number -1e3',
    'key "d"',
    'keyword false',
  ]);
});

it('computes the digest that others compute', async () => {
  expect(await digestOf('abc')).toBe('BA7816BF 8F01CFEA 414140DE 5DAE2223 B00361A3 96177A9C B410FF61 F20015AD');
});
