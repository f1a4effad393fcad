import { createElement } from 'react';
import {
  IconAdjustments,
  IconArrowBarRight,
  IconArrowsSplit,
  IconCalendarTime,
  IconCircle,
  IconCircleDot,
  IconClock,
  IconFlag,
  IconGitFork,
  IconHelpCircle,
  IconLock,
  IconOctagon,
  IconPin,
  IconPlus,
  IconPoint,
  IconRefresh,
  IconRepeat,
  IconShield,
  IconSquare,
  IconStack2,
  IconTerminal2,
  type Icon,
} from '@tabler/icons-react';

const icons = new Map<string, Icon>([
  ['Execute.Named', IconTerminal2],
  ['Execute.Anonymous', IconTerminal2],
  ['If', IconArrowsSplit],
  ['Fork', IconGitFork],
  ['ForkList', IconStack2],
  ['Try', IconShield],
  ['Retry', IconRefresh],
  ['Lock', IconLock],
  ['Cycle', IconRepeat],
  ['Break', IconArrowBarRight],
  ['ExpectNotices', IconFlag],
  ['ExpectNotice', IconFlag],
  ['PostNotices', IconFlag],
  ['PostNotice', IconFlag],
  ['ConsumeNotices', IconFlag],
  ['AdmissionTime', IconCalendarTime],
  ['StickySubagent', IconPin],
  ['Options', IconAdjustments],
  ['Prompt', IconHelpCircle],
  ['AddOrder', IconPlus],
  ['Sleep', IconClock],
  ['Fail', IconOctagon],
  ['Stop', IconSquare],
  ['Finish', IconCircleDot],
  ['End', IconCircle],
  ['ImplicitEnd', IconCircle],
]);

/** The sign of an instruction. A name stands beside it. */
export function StepIcon({ type, size = 16 }: { type: string; size?: number }) {
  return createElement(icons.get(type) ?? IconPoint, {
    size,
    stroke: 1.75,
    'aria-hidden': true,
    className: 'step-icon',
  });
}
