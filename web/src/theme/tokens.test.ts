import { describe, expect, it } from 'vitest';
import { dark, environments, light, logGround, type Family, type Theme } from './tokens';

function channel(v: number): number {
  const c = v / 255;
  return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
}

function luminance(hex: string): number {
  const n = parseInt(hex.slice(1), 16);
  return 0.2126 * channel(n >> 16) + 0.7152 * channel((n >> 8) & 255) + 0.0722 * channel(n & 255);
}

/** The contrast of two colours (WCAG 2.2, 1.4.3). */
function contrast(a: string, b: string): number {
  const [x, y] = [luminance(a), luminance(b)].sort((p, q) => q - p) as [number, number];
  return (x + 0.05) / (y + 0.05);
}

const themes: [string, Theme, string][] = [
  ['light', light, logGround.light],
  ['dark', dark, logGround.dark],
];

describe.each(themes)('%s', (_, theme, ground) => {
  const n = theme.neutral;
  const grounds = [n.canvas, n.surface, n.sunken, n.hover, n.selected];

  it.each(['text', 'text-2', 'text-3'] as const)('%s is readable on every ground', (name) => {
    for (const g of grounds) expect(contrast(n[name], g)).toBeGreaterThanOrEqual(4.5);
  });
  it('borders of controls are seen', () => {
    for (const g of grounds) expect(contrast(n.control, g)).toBeGreaterThanOrEqual(3);
  });
  it('the primary button is readable', () => {
    expect(contrast(n['on-ink'], n.ink)).toBeGreaterThanOrEqual(4.5);
  });
  it.each(Object.keys(theme.family) as Family[])('%s is told on every ground', (name) => {
    const f = theme.family[name];
    for (const g of [...grounds, f.tint]) {
      expect(contrast(f.fill, g)).toBeGreaterThanOrEqual(3);
      expect(contrast(f.word, g)).toBeGreaterThanOrEqual(4.5);
    }
    expect(contrast(f.onBadge, f.badge)).toBeGreaterThanOrEqual(4.5);
    expect(contrast(n.text, f.tint)).toBeGreaterThanOrEqual(7);
  });
  it('logs are readable in every colour', () => {
    for (const c of theme.ansi) expect(contrast(c, ground)).toBeGreaterThanOrEqual(4.5);
  });
  it('code is readable', () => {
    for (const c of Object.values(theme.code)) expect(contrast(c, n.surface)).toBeGreaterThanOrEqual(4.5);
  });
  it('differences and hits keep their text readable', () => {
    for (const g of [...Object.values(theme.diff), theme.hit]) expect(contrast(n.text, g)).toBeGreaterThanOrEqual(7);
    expect(contrast('#151A21', theme.hitCurrent)).toBeGreaterThanOrEqual(7);
  });
});

it('environments are readable', () => {
  for (const e of Object.values(environments)) expect(contrast(e.fill, e.text)).toBeGreaterThanOrEqual(4.5);
});
