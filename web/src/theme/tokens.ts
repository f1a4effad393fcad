// Every colour of the pages. A test computes their contrasts (tokens.test.ts).

export type Neutral =
  | 'canvas'
  | 'surface'
  | 'sunken'
  | 'hover'
  | 'selected'
  | 'text'
  | 'text-2'
  | 'text-3'
  | 'control'
  | 'line'
  | 'ink'
  | 'on-ink';

/** Family of states: what a colour means. */
export type Family = 'run' | 'wait' | 'attn' | 'fail' | 'ok' | 'off' | 'trust';

/** A family's colours: of icons, of the ground behind them, of words, and of filled badges with their text. */
export interface FamilyColors {
  fill: string;
  tint: string;
  word: string;
  badge: string;
  onBadge: string;
}

export interface Theme {
  neutral: Record<Neutral, string>;
  family: Record<Family, FamilyColors>;
  code: Record<'key' | 'string' | 'number' | 'keyword' | 'comment', string>;
  /** black red green yellow blue magenta cyan white, then bright */
  ansi: readonly string[];
  diff: Record<'added' | 'removed' | 'changed', string>;
  hit: string;
  hitCurrent: string;
}

export const light: Theme = {
  neutral: {
    canvas: '#F6F7F9',
    surface: '#FFFFFF',
    sunken: '#ECEEF2',
    hover: '#F0F2F5',
    selected: '#E6E9EF',
    text: '#151A21',
    'text-2': '#475063',
    'text-3': '#5A6475',
    control: '#7A8494',
    line: '#D8DCE3',
    ink: '#151A21',
    'on-ink': '#FFFFFF',
  },
  family: {
    run: { fill: '#2B7BF0', tint: '#E8F1FE', word: '#0962D4', badge: '#0962D4', onBadge: '#FFFFFF' },
    wait: { fill: '#511B7D', tint: '#F4ECFE', word: '#511B7D', badge: '#511B7D', onBadge: '#FFFFFF' },
    attn: { fill: '#B07900', tint: '#FBEEDC', word: '#8C5F00', badge: '#F6BD36', onBadge: '#151A21' },
    fail: { fill: '#96000E', tint: '#FDEBE9', word: '#96000E', badge: '#96000E', onBadge: '#FFFFFF' },
    ok: { fill: '#317A53', tint: '#E2F6E9', word: '#26754C', badge: '#317A53', onBadge: '#FFFFFF' },
    off: { fill: '#53575D', tint: '#EBEFF4', word: '#53575D', badge: '#53575D', onBadge: '#FFFFFF' },
    trust: { fill: '#CE2E8E', tint: '#FEEAF3', word: '#C01B82', badge: '#CE2E8E', onBadge: '#FFFFFF' },
  },
  code: { key: '#1B57C0', string: '#1F6E3F', number: '#8E2A7E', keyword: '#A3331B', comment: '#5A6475' },
  ansi: (
    '151A21 B3141F 1F6E3F 7A5600 1B57C0 8E2A7E 0B6876 5A6475 ' +
    '667085 C81E2B 2B7A48 8A6100 2B63D0 A3338F 107584 475063'
  )
    .split(' ')
    .map((hex) => '#' + hex),
  diff: { added: '#DFF5E7', removed: '#FCE4E4', changed: '#FFF3D1' },
  hit: '#FFE28A',
  hitCurrent: '#FFB020',
};

export const dark: Theme = {
  neutral: {
    canvas: '#0F1216',
    surface: '#171B21',
    sunken: '#0B0D10',
    hover: '#1F242C',
    selected: '#242A33',
    text: '#E9ECF1',
    'text-2': '#B4BDCA',
    'text-3': '#98A2B1',
    control: '#7D8796',
    line: '#313843',
    ink: '#E9ECF1',
    'on-ink': '#0F1216',
  },
  family: {
    run: { fill: '#2B7CF7', tint: '#18253B', word: '#5999FF', badge: '#1F63CF', onBadge: '#FFFFFF' },
    wait: { fill: '#CDACF7', tint: '#2A1F37', word: '#CDACF7', badge: '#CDACF7', onBadge: '#151A21' },
    attn: { fill: '#F6BD36', tint: '#2F2308', word: '#F6BD36', badge: '#F6BD36', onBadge: '#151A21' },
    fail: { fill: '#CE453F', tint: '#381C19', word: '#F96D63', badge: '#CE453F', onBadge: '#FFFFFF' },
    ok: { fill: '#76E3B1', tint: '#0D2C1E', word: '#76E3B1', badge: '#76E3B1', onBadge: '#151A21' },
    off: { fill: '#6F757C', tint: '#22272C', word: '#949AA2', badge: '#6F757C', onBadge: '#FFFFFF' },
    trust: { fill: '#E573A7', tint: '#361C27', word: '#E674A8', badge: '#E573A7', onBadge: '#151A21' },
  },
  code: { key: '#8FB8FF', string: '#7FD6A0', number: '#E6A3DA', keyword: '#FFA28A', comment: '#98A2B1' },
  ansi: (
    '8B95A5 FF7B72 6CCB8D E3B341 79AEFF E08BD0 5CC8D7 D5DAE2 ' +
    '98A2B1 FFA198 8FE3AC F5D06B A5CAFF F0B0E4 8BE0EC FFFFFF'
  )
    .split(' ')
    .map((hex) => '#' + hex),
  diff: { added: '#12301F', removed: '#3A1719', changed: '#3A2E0C' },
  hit: '#5A4708',
  hitCurrent: '#FFB020',
};

/** Ground of the log viewer. */
export const logGround = { light: '#FBFBFC', dark: '#0B0D10' };

/** Colours of environments, with the text on them. */
export const environments: Record<string, { fill: string; text: string }> = {
  plum: { fill: '#7A2E8E', text: '#FFFFFF' },
  ocean: { fill: '#0B5C8A', text: '#FFFFFF' },
  moss: { fill: '#3F6B1E', text: '#FFFFFF' },
  clay: { fill: '#A3431B', text: '#FFFFFF' },
  ink: { fill: '#2A313B', text: '#FFFFFF' },
  sand: { fill: '#F2C94C', text: '#151A21' },
};

/** Returns a theme as CSS variables: --text, --run-fill, --code-key, --ansi-0 ... */
export function variables(t: Theme, ground: string): Record<string, string> {
  const out: Record<string, string> = { '--log-ground': ground, '--hit': t.hit, '--hit-current': t.hitCurrent };
  for (const [name, value] of Object.entries(t.neutral)) out[`--${name}`] = value;
  for (const [name, f] of Object.entries(t.family)) {
    out[`--${name}-fill`] = f.fill;
    out[`--${name}-tint`] = f.tint;
    out[`--${name}-word`] = f.word;
    out[`--${name}-badge`] = f.badge;
    out[`--${name}-on-badge`] = f.onBadge;
  }
  for (const [name, value] of Object.entries(t.code)) out[`--code-${name}`] = value;
  for (const [name, value] of Object.entries(t.diff)) out[`--diff-${name}`] = value;
  t.ansi.forEach((value, i) => (out[`--ansi-${i}`] = value));
  return out;
}
