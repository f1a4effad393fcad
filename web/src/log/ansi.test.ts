import { describe, expect, it } from 'vitest';
import { maxSpans, parse, seen } from './ansi';
import { contrast, fromHex, least, readable, type Rgb } from './contrast';

const esc = '\u001b';
const short = (line: string, invalid?: string[]) =>
  parse(line, invalid).spans.map((s) => (s.kind === 'text' ? s.text : `<${s.kind} ${s.text}>`));

describe('colours', () => {
  it('reads the 16 colours, bold and reset', () => {
    const { spans } = parse(`a${esc}[1;31mb${esc}[0mc${esc}[92;44md`);
    expect(spans.map((s) => [s.text, s.style])).toEqual([
      ['a', {}],
      ['b', { bold: true, color: { index: 1 } }],
      ['c', {}],
      ['d', { color: { index: 10 }, ground: { index: 4 } }],
    ]);
  });
  it('reads 256 and true colours in both spellings', () => {
    const color = (sgr: string) => parse(`${esc}[${sgr}mx`).spans[0]?.style.color;
    expect(color('38;5;9')).toEqual({ index: 9 });
    expect(color('38;5;196')).toEqual({ rgb: [255, 0, 0] });
    expect(color('38;5;232')).toEqual({ rgb: [8, 8, 8] });
    expect(color('38;2;1;2;3')).toEqual({ rgb: [1, 2, 3] });
    expect(color('38:2:1:2:3')).toEqual({ rgb: [1, 2, 3] });
    expect(color('38;5;999')).toBeUndefined();
    expect(color('38;2;1')).toBeUndefined();
    expect(color('38')).toBeUndefined();
  });
  it.each([
    ['#FBFBFC', [255, 255, 0]],
    ['#0B0D10', [0, 0, 128]],
    ['#FBFBFC', [250, 250, 250]],
    ['#0B0D10', [0, 0, 0]],
  ] as [string, Rgb][])('makes a colour readable on %s', (ground, color) => {
    expect(contrast(readable(color, fromHex(ground)), fromHex(ground))).toBeGreaterThanOrEqual(least);
  });
});

describe('what a terminal would do', () => {
  it('keeps the last state of a line', () => {
    expect(parse('10 %\r20 %\r30 %')).toMatchObject({ earlier: 2, spans: [{ text: '30 %' }] });
    expect(parse('done\r')).toMatchObject({ earlier: 0, spans: [{ text: 'done' }] });
    expect(parse('\r\rdone\r\r')).toMatchObject({ earlier: 0, spans: [{ text: 'done' }] });
  });
  it.each([
    [`a${esc}[2Jb`, ['a', '<dropped >', 'b']],
    [`a${esc}[2J${esc}[Hb`, ['a', '<dropped >', 'b']],
    [`${esc}]0;title\u0007x`, ['<dropped >', 'x']],
    [`${esc}]52;c;aGk=${esc}\\x`, ['<dropped >', 'x']],
    [`${esc}]8;;https://example.com${esc}\\link${esc}]8;;${esc}\\`, ['<dropped >', 'link', '<dropped >']],
    [`${esc}P1$r0m${esc}\\x`, ['<dropped >', 'x']],
    [`${esc}(Bx`, ['<dropped >', 'x']],
    [`a${esc}`, ['a', '<dropped >']],
    [`a${esc}[31`, ['a', '<dropped >']],
    [`a${esc}]never ends`, ['a', '<dropped >']],
    [`a${esc}[3\u202emx`, ['a', '<dropped >', '<control U+202E>', 'mx']],
    [`${esc}[?25lx`, ['<dropped >', 'x']],
  ])('drops orders to the terminal: %j', (line, want) => expect(short(line)).toEqual(want));
});

describe('what can not be seen', () => {
  it('shows control and direction characters as boxes', () => {
    expect(short('a\u0007b\u202ec\u200bd\u009be')).toEqual([
      'a',
      '<control BEL>',
      'b',
      '<control U+202E>',
      'c',
      '<control U+200B>',
      'd',
      '<control U+009B>',
      'e',
    ]);
  });
  it('leaves tabs, and markup as text', () => {
    expect(short('\ta<img src=x onerror=alert(1)>')).toEqual(['\ta<img src=x onerror=alert(1)>']);
  });
  it('shows bytes that are no text', () => {
    expect(short('a\ufffdb\ufffd', ['ff', 'efbfbd'])).toEqual(['a', '<bad FF>', 'b', '<control \ufffd>']);
    expect(short('\ufffd')).toEqual(['<control \ufffd>']);
  });
});

it('bounds what a hostile line costs', () => {
  const begun = performance.now();
  for (const part of [`${esc}[3${1}m.${esc}[32m.`, '\u0007', '\r', `${esc}]`, `${esc}[`, '\ufffd']) {
    const { spans } = parse(part.repeat(16_384 / part.length));
    expect(spans.length).toBeLessThanOrEqual(maxSpans + 1);
  }
  expect(performance.now() - begun).toBeLessThan(2000);
});

it('gives back every character of a plain line', () => {
  const line = 'größer, 漢字 and 🙂';
  expect(seen(parse(line))).toBe(line);
});
