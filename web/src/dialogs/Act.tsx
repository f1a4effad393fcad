import { Button, Tooltip } from '@mantine/core';
import type { ReactNode } from 'react';
import '@mantine/core/styles/Tooltip.css';

interface Props {
  children: ReactNode;
  /** Why it can't be done; it stays focusable and says so. */
  not?: string | undefined;
  variant?: 'default' | 'filled';
  size?: 'xs' | 'sm';
  onClick: () => void;
}

/** A button of a page that asks for something; one that can't act says why. */
export function Act({ children, not, variant = 'default', size = 'xs', onClick }: Props) {
  const button = (
    <Button
      variant={variant}
      size={size}
      aria-disabled={not !== undefined || undefined}
      data-disabled={not !== undefined}
      onClick={() => not === undefined && onClick()}
    >
      {children}
    </Button>
  );
  if (not === undefined) return button;
  return (
    <Tooltip label={not} events={{ hover: true, focus: true, touch: true }} multiline maw={320}>
      {button}
    </Tooltip>
  );
}
