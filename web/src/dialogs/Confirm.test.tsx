import { MantineProvider } from '@mantine/core';
import { render, screen, waitFor } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { expect, it, vi } from 'vitest';
import { Problem } from '../api/client';
import { startTexts } from '../i18n/i18n';
import { Confirm } from './Confirm';

await startTexts();

function show(p: Partial<React.ComponentProps<typeof Confirm>>) {
  const act = vi.fn<(reason: string | undefined) => Promise<unknown>>(() => Promise.resolve());
  const onClose = vi.fn();
  render(
    <MantineProvider env="test">
      <Confirm question="Cancel order A?" verb="Cancel order" act={act} onClose={onClose} {...p} />
    </MantineProvider>,
  );
  return { act, onClose };
}

it('is named by its question, and gives the reason to the act', async () => {
  const { act, onClose } = show({ reason: 'required', consequences: ['It ends.'] });
  const user = userEvent.setup();
  expect(screen.getByRole('alertdialog', { name: 'Cancel order A?' })).toBeTruthy();
  await user.type(screen.getByRole('textbox', { name: 'Reason' }), ' wrong host ');
  await user.click(screen.getByRole('button', { name: 'Cancel order' }));
  expect(act).toHaveBeenCalledExactlyOnceWith('wrong host');
  await waitFor(() => expect(onClose).toHaveBeenCalledOnce());
});

it('does nothing without the reason that it needs', async () => {
  const { act, onClose } = show({ reason: 'required' });
  await userEvent.click(screen.getByRole('button', { name: 'Cancel order' }));
  expect(act).not.toHaveBeenCalled();
  await userEvent.click(screen.getByRole('button', { name: 'Back' }));
  expect(onClose).toHaveBeenCalledOnce();
});

it('stays open with what the Cockpit has answered', async () => {
  const refuse = () =>
    Promise.reject(new Problem({ code: 'OrderMoved', kind: 'conflict', status: 409, detail: 'It moved' }));
  const { onClose } = show({ act: refuse });
  await userEvent.click(screen.getByRole('button', { name: 'Cancel order' }));
  expect((await screen.findByRole('alert')).textContent).toBe('It moved (OrderMoved)');
  expect(onClose).not.toHaveBeenCalled();
});

it('waits for the name to be typed', async () => {
  const { act } = show({ typed: 'agent-1', reason: 'none' });
  const user = userEvent.setup();
  const button = screen.getByRole<HTMLButtonElement>('button', { name: 'Cancel order' });
  expect(button.disabled).toBe(true);
  await user.type(screen.getByRole('textbox', { name: 'Type agent-1 to confirm' }), 'agent-1');
  await user.click(button);
  expect(act).toHaveBeenCalledExactlyOnceWith(undefined);
});
