import { expect, it } from 'vitest';
import de from '../i18n/de.objects.json';
import en from '../i18n/en.objects.json';
import { functionsOf, markOf, optionsAt, signature, wordAt, type Scope } from './expression';
import { builtIns, functions, symbols } from './vocabulary.gen';

const scope: Scope = {
  place: 'instruction',
  names: [
    { name: 'day', from: 'parameter' },
    { name: 'odd name', from: 'argument' },
  ],
  labels: ['load', 'a-b'],
  jobs: ['LOAD'],
  resources: ['env/db'],
};
const texts = (before: string, s = scope) => optionsAt(before, s)?.options.map((o) => o.text) ?? [];

it('has a sentence for every function, symbol and built-in name', () => {
  for (const language of [en, de]) {
    const { help } = language.expr;
    expect(Object.keys(help.functions).sort()).toEqual(Object.keys(functions).sort());
    expect(Object.keys(help.symbols).sort()).toEqual([...symbols].sort());
    expect(Object.keys(help.builtIns).sort()).toEqual([...builtIns].sort());
  }
});

it.each([
  ['substring', 'substring(s, start[, end])'],
  ['variable', 'variable(name[, label=…][, job=…][, default=…])'],
  ['subagentIds', 'subagentIds([bundle])'],
  ['nothing', 'nothing'],
])('writes how %s is called', (name, call) => {
  expect(signature(name)).toBe(call);
});

it('offers what fits the place', () => {
  expect(texts('$')).toEqual(['day', '`odd name`', ...builtIns]);
  expect(optionsAt('1 + $da', scope)?.from).toBe(5);
  expect(texts('"of $')).toContain('day');
  expect(texts("'costs $")).toEqual([]);
  expect(texts('/* $')).toEqual([]);
  expect(texts("argument('")).toEqual(['day', 'odd name']);
  expect(texts("variable('returnCode', label=")).toEqual(['load', "'a-b'"]);
  expect(texts("variable('returnCode', job=LO")).toEqual(['LOAD']);
  expect(texts('JobResource:')).toEqual(['env/db']);
  expect(texts('$x.')).toEqual([]);
  expect(texts('to')).toContain('toNumber');
  expect(texts('')).toEqual(expect.arrayContaining(['$day', 'orderId', 'if', 'JobResource:']));
});

it('offers nothing that is refused at the place', () => {
  expect(functionsOf('instruction')).not.toContain('toFile');
  expect(functionsOf('process')).toContain('toFile');
  expect(functionsOf('process')).not.toContain('uniqueOrderId');
  expect(texts('', { ...scope, place: 'parameter' })).not.toContain('tryCount');
  expect(texts('$', { ...scope, place: 'parameter' })).not.toContain('js7OrderId');
});

it('finds words, and the place of a mistake', () => {
  expect(wordAt('1 + $day', 6)).toEqual({ from: 4, to: 8, word: '$day' });
  expect(wordAt('1 + 2', 2)).toBeUndefined();
  expect(markOf('1 + nope', 1, 5)).toEqual({ from: 4, to: 8 });
  expect(markOf('1 +', 1, 4)).toEqual({ from: 2, to: 3 });
  expect(markOf("'😀' + (\n  ]", 2, 3)).toEqual({ from: 11, to: 12 });
  expect(markOf('abc', undefined, undefined)).toEqual({ from: 0, to: 3 });
});
