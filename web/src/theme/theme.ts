import { createTheme, type CSSVariablesResolver, type MantineColorsTuple } from '@mantine/core';
import { dark, light, logGround, variables } from './tokens';

// One colour of our own, from dark to light ink: hues are for states only.
const ink: MantineColorsTuple = [
  light.neutral.canvas,
  light.neutral.hover,
  light.neutral.selected,
  light.neutral.line,
  dark.neutral['text-3'],
  light.neutral.control,
  light.neutral['text-3'],
  light.neutral['text-2'],
  dark.neutral.hover,
  light.neutral.ink,
];

export const fontText = "'Inter Variable', 'Inter fallback', system-ui, sans-serif";
export const fontMono = "'JetBrains Mono Variable', ui-monospace, 'DejaVu Sans Mono', monospace";

export const theme = createTheme({
  colors: { ink },
  primaryColor: 'ink',
  primaryShade: { light: 9, dark: 0 },
  fontFamily: fontText,
  fontFamilyMonospace: fontMono,
  defaultRadius: 4,
  fontSizes: { xs: '12px', sm: '14px', md: '14px', lg: '16px', xl: '20px' },
  spacing: { xs: '4px', sm: '8px', md: '16px', lg: '24px', xl: '32px' },
  respectReducedMotion: true,
  focusRing: 'auto',
  // The colours of buttons come from the tokens, not from shades of a hue.
  variantColorResolver: ({ variant }) => {
    if (variant === 'filled') {
      return {
        background: 'var(--ink)',
        hover: 'var(--text-2)',
        color: 'var(--on-ink)',
        border: '1px solid transparent',
      };
    }
    if (variant === 'danger') {
      return {
        background: 'var(--fail-badge)',
        hover: 'var(--fail-badge)',
        color: 'var(--fail-on-badge)',
        border: '1px solid transparent',
      };
    }
    if (variant === 'subtle' || variant === 'transparent') {
      return {
        background: 'transparent',
        hover: 'var(--hover)',
        color: 'var(--text)',
        border: '1px solid transparent',
      };
    }
    return {
      background: 'var(--surface)',
      hover: 'var(--hover)',
      color: 'var(--text)',
      border: '1px solid var(--control)',
    };
  },
});

// The library's components name shades of two greys of its own: they are ours, too.
const greys = (name: string, of: readonly string[]) =>
  Object.fromEntries(of.map((token, i) => [`--mantine-color-${name}-${i}`, `var(--${token})`]));
const lightGreys = greys('gray', [
  ...['hover', 'hover', 'line', 'line', 'control'],
  ...['text-3', 'text-3', 'text-2', 'text', 'ink'],
]);
const darkGreys = {
  ...greys('dark', [
    ...['text', 'text-2', 'text-3', 'text-3', 'line'],
    ...['hover', 'surface', 'surface', 'canvas', 'sunken'],
  ]),
  '--mantine-color-gray-2': 'var(--ink)', // the ground of a tooltip in dark
};

/** Gives the component library our colours. */
export const resolver: CSSVariablesResolver = () => {
  const shared = {
    '--mantine-color-body': 'var(--canvas)',
    '--mantine-color-text': 'var(--text)',
    '--mantine-color-dimmed': 'var(--text-3)',
    '--mantine-color-placeholder': 'var(--text-3)',
    '--mantine-color-default': 'var(--surface)',
    '--mantine-color-default-hover': 'var(--hover)',
    '--mantine-color-default-color': 'var(--text)',
    '--mantine-color-default-border': 'var(--control)',
    '--mantine-color-disabled': 'var(--sunken)',
    '--mantine-color-disabled-color': 'var(--text-3)',
    '--mantine-color-disabled-border': 'var(--line)',
    '--mantine-color-error': 'var(--fail-word)',
    '--mantine-color-anchor': 'var(--text)',
  };
  return {
    variables: {},
    light: { ...shared, ...lightGreys, ...variables(light, logGround.light) },
    dark: { ...shared, ...darkGreys, ...variables(dark, logGround.dark) },
  };
};
