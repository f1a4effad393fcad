import { Button, Modal, TextInput } from '@mantine/core';
import { useRef, useState, type FormEvent, type KeyboardEvent, type ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import '../theme/dialogs.css';
import { Text } from '../view/Name';
import { problemText } from './problem';
import './dialogs.css';

interface Props {
  /** What is asked, with the object's name: "Cancel order P1-load?" */
  question: string;
  /** What will happen, what won't, and the way back. */
  consequences?: readonly string[];
  /** The act, as the button says it: "Cancel order". */
  verb: string;
  danger?: boolean;
  reason?: 'required' | 'optional' | 'none';
  /** What has to be typed, before an act that can't be undone. */
  typed?: string;
  /** There is much to be looked at. */
  wide?: boolean;
  /** Fields of the act's own. */
  children?: ReactNode;
  /** Does it. The dialog closes when it is accepted, and else says why it wasn't. */
  act: (reason: string | undefined) => Promise<unknown>;
  onClose: () => void;
}

// The component library knows only dialogs; this one interrupts, and asks.
const asAlert = (box: HTMLElement | null) => box?.setAttribute('role', 'alertdialog');

/** Asks before something is done, and says what it will do. */
export function Confirm(p: Props) {
  const { t } = useTranslation();
  const [reason, setReason] = useState('');
  const [typed, setTyped] = useState('');
  const [problem, setProblem] = useState<unknown>();
  const [busy, setBusy] = useState(false);
  const form = useRef<HTMLFormElement>(null);
  const mode = p.reason ?? 'optional';
  const send = async (e: FormEvent) => {
    e.preventDefault();
    if (busy) return;
    setBusy(true);
    setProblem(undefined);
    try {
      await p.act(reason.trim() || undefined);
      p.onClose();
    } catch (cause) {
      setProblem(cause);
      setBusy(false);
    }
  };
  const press = (e: KeyboardEvent) => {
    if (e.key === 'Enter' && (e.ctrlKey || e.metaKey)) form.current?.requestSubmit();
  };
  const close = () => {
    if (!busy) p.onClose();
  };
  return (
    <Modal.Root
      opened
      onClose={close}
      closeOnClickOutside={false}
      centered
      onKeyDown={press}
      {...(p.wide ? { size: 'min(1200px, 96vw)' } : {})}
    >
      <Modal.Overlay />
      <Modal.Content ref={asAlert}>
        <div className="dialog-head">
          <Modal.Title>
            <Text>{p.question}</Text>
          </Modal.Title>
        </div>
        <Modal.Body>
          <form ref={form} className="stack" onSubmit={(e) => void send(e)}>
            {p.consequences && p.consequences.length > 0 && (
              <ul className="consequences">
                {p.consequences.map((c) => (
                  <li key={c}>
                    <Text>{c}</Text>
                  </li>
                ))}
              </ul>
            )}
            {p.children}
            {mode !== 'none' && (
              <TextInput
                label={t('dialog.reason')}
                description={mode === 'optional' ? t('dialog.optional') : undefined}
                value={reason}
                onChange={(e) => setReason(e.currentTarget.value)}
                maxLength={500}
                required={mode === 'required'}
                withAsterisk={false}
                data-autofocus
              />
            )}
            {p.typed !== undefined && (
              <TextInput
                label={t('dialog.type', { name: p.typed })}
                value={typed}
                onChange={(e) => setTyped(e.currentTarget.value)}
                autoComplete="off"
                spellCheck={false}
              />
            )}
            {problem !== undefined && (
              <p role="alert" className="problem-line">
                <Text lines>{problemText(problem, t)}</Text>
              </p>
            )}
            <div className="dialog-foot">
              <Button variant="default" onClick={close} data-autofocus={mode === 'none' || undefined}>
                {t('dialog.back')}
              </Button>
              <Button
                type="submit"
                variant={p.danger ? 'danger' : 'filled'}
                loading={busy}
                disabled={p.typed !== undefined && typed !== p.typed}
              >
                {p.verb}
              </Button>
            </div>
          </form>
        </Modal.Body>
      </Modal.Content>
    </Modal.Root>
  );
}
