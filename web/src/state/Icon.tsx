import type { IconName } from './status';

// Signs of 16 × 16 whose outlines differ, so that they are told apart without colour.
const octagon = 'M5 1.5h6l3.5 3.5v6L11 14.5H5L1.5 11V5z';
const ring = 'M8 2a6 6 0 1 0 6 6';
const whole = 'M8 2a6 6 0 1 0 0 12A6 6 0 1 0 8 2z';
const seal =
  'M8 1.5l1.8 1.3 2.2-.1.6 2.1 1.8 1.3-.8 2 .8 2.1-1.8 1.2-.6 2.2-2.2-.1L8 14.8l-1.8-1.3-2.2.1-.6-2.2-1.8-1.2.8-2.1-.8-2 1.8-1.3.6-2.1 2.2.1z';

const strokes: Record<IconName, string[]> = {
  clock: [whole, 'M8 4.5V8l2.5 1.5'],
  circle: [whole],
  play: ['M4.5 2.5v11l9-5.5z'],
  ring: [ring],
  'ring-dot': [ring, 'M8 7.2a.8.8 0 1 0 0 1.6.8.8 0 1 0 0-1.6z'],
  hand: ['M4 8V4.5m2.5 3v-5M9 7.500V3m2.5 5V4.500M4 8v2.500a4 4 0 0 0 8 0V8'],
  'loop-clock': ['M13.500 8A5.500 5.500 0 1 1 11.500 3.700', 'M11.500 1v3h-3', 'M8 5.500V8l1.500 1'],
  moon: ['M13 9.500A5.500 5.500 0 1 1 6.500 3 4.500 4.500 0 0 0 13 9.500z'],
  fork: ['M8 14V9', 'M3.500 2v3c0 2 1.500 4 4.500 4s4.500-2 4.500-4V2'],
  pause: ['M5.500 3v10', 'M10.500 3v10'],
  square: ['M3.500 3.500h9v9h-9z'],
  octagon: [octagon, 'M5.500 5.500l5 5', 'M10.500 5.500l-5 5'],
  'octagon-small': [
    'M6 3.500h4L12.500 6v4L10 12.500H6L3.500 10V6z',
    'M6.800 6.800l2.400 2.400',
    'M9.200 6.800L6.800 9.200',
  ],
  cracked: [octagon, 'M9 1.500L6.500 6 9.500 9 7 14.500'],
  check: ['M2.500 8.500l3.500 3.500 7.500-8'],
  'check-bang': ['M1.500 8.500L4.500 11.500 10.500 5', 'M13.500 3v6', 'M13.500 11.500v1'],
  slash: [whole, 'M4 12l8-8'],
  hourglass: ['M4 2h8', 'M4 14h8', 'M5 2c0 4 6 5 6 8v4', 'M11 2c0 4-6 5-6 8v4'],
  'broken-link': [
    'M6 10l-1.500 1.500a2.500 2.500 0 0 1-3.500-3.500L3 6',
    'M10 6l1.500-1.500a2.500 2.500 0 0 1 3.500 3.500L13 10',
    'M6 2v2',
    'M10 12v2',
  ],
  bolt: ['M9 1.500L3.500 9H8l-1 5.500L12.500 7H8z'],
  net: ['M2 6c0 5 3 8 6 8s6-3 6-8z', 'M5 6v6', 'M8 6v8', 'M11 6v6', 'M3 9.500h10'],
  arrow: ['M2 8h11', 'M9 4l4 4-4 4'],
  plug: ['M5.500 1.500V5', 'M10.500 1.500V5', 'M3.500 5h9v2.500a4.500 4.500 0 0 1-9 0z', 'M8 12v2.500'],
  'plug-apart': ['M5.500 1V4', 'M10.500 1V4', 'M3.500 4h9v1.500a4.500 4 0 0 1-9 0z', 'M8 13v2', 'M2 14l12-3'],
  crown: ['M2 12.500h12', 'M2 10L1.500 4 5 7l3-5 3 5 3.500-3-.5 6z'],
  seal: [seal, 'M5.500 8l2 2 3.500-4'],
  'seal-broken': [seal, 'M9 3L6.500 7l3 2L7 13'],
  pencil: ['M2.500 13.500l.8-3.300 7.700-7.700 2.500 2.500-7.700 7.700z'],
  'pencil-cross': ['M1.500 13l.8-3 6.200-6.200L10.800 6l-6.300 6.200z', 'M10.500 10.500l4 4', 'M14.500 10.500l-4 4'],
  skip: ['M2.500 8h8', 'M7.500 4.500L11 8l-3.500 3.500', 'M13.500 3.500v9'],
  'dot-ring': [whole, 'M8 6.500a1.500 1.500 0 1 0 0 3 1.500 1.500 0 1 0 0-3z'],
};

/** A sign of a state. It says nothing to a screen reader: a word stands beside it. */
export function Icon({ name, size = 16 }: { name: IconName; size?: number }) {
  return (
    <svg
      width={size}
      height={size}
      viewBox="0 0 16 16"
      fill="none"
      stroke="currentColor"
      strokeWidth={2}
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
      focusable="false"
      className={name === 'ring' ? 'turning' : undefined}
    >
      {strokes[name].map((d) => (
        <path key={d} d={d} />
      ))}
    </svg>
  );
}
