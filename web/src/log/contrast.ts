// Colours that programs choose are made readable on the log's ground.

/** Red, green and blue, 0 to 255. */
export type Rgb = readonly [number, number, number];

function channel(v: number): number {
  const c = v / 255;
  return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
}

function luminance([r, g, b]: Rgb): number {
  return 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
}

/** The contrast of two colours (WCAG 2.2, 1.4.3). */
export function contrast(a: Rgb, b: Rgb): number {
  const x = luminance(a);
  const y = luminance(b);
  return (Math.max(x, y) + 0.05) / (Math.min(x, y) + 0.05);
}

export function fromHex(hex: string): Rgb {
  const n = parseInt(hex.slice(1), 16);
  return [n >> 16, (n >> 8) & 255, n & 255];
}

export function css([r, g, b]: Rgb): string {
  return `rgb(${r} ${g} ${b})`;
}

/** The least contrast of text. */
export const least = 4.5;

/** Returns the colour, made darker or lighter until it can be read on the ground. */
export function readable(color: Rgb, ground: Rgb): Rgb {
  if (contrast(color, ground) >= least) return color;
  const to = contrast([0, 0, 0], ground) > contrast([255, 255, 255], ground) ? 0 : 255;
  const mixed = (share: number): Rgb => {
    const mix = (v: number) => Math.round(v + (to - v) * share);
    return [mix(color[0]), mix(color[1]), mix(color[2])];
  };
  let low = 0;
  let high = 1;
  for (let i = 0; i < 8; i++) {
    const middle = (low + high) / 2;
    if (contrast(mixed(middle), ground) >= least) high = middle;
    else low = middle;
  }
  return mixed(high);
}
