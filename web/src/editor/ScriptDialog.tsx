import { Button, Modal } from '@mantine/core';
import { EditorState } from '@codemirror/state';
import { EditorView } from '@codemirror/view';
import { useCallback, useEffect, useRef } from 'react';
import { useTranslation } from 'react-i18next';
import '../theme/dialogs.css';
import { basics } from './codemirror';

interface Props {
  title: string;
  text: string;
  readOnly: boolean;
  onChange: (text: string) => void;
  onClose: () => void;
}

/** A script in a window of its own, with the shell's words in colour. */
export default function ScriptDialog(p: Props) {
  const { t } = useTranslation();
  const view = useRef<EditorView>(null);
  const latest = useRef(p);
  useEffect(() => {
    latest.current = p;
  });
  const { title, readOnly } = p;
  // The dialog's content comes after the dialog: the editor begins when its place is there.
  const begin = useCallback(
    (box: HTMLDivElement | null) => {
      if (!box) {
        view.current?.destroy();
        view.current = null;
        return;
      }
      const changed = EditorView.updateListener.of((u) => {
        if (u.docChanged) latest.current.onChange(u.state.doc.toString());
      });
      const extensions = [basics({ language: 'shell', label: title, readOnly, undo: true }), changed];
      const state = EditorState.create({ doc: latest.current.text, extensions });
      view.current = new EditorView({ state, parent: box });
      view.current.focus();
    },
    [title, readOnly],
  );
  return (
    <Modal
      opened
      onClose={p.onClose}
      title={title}
      size="80%"
      closeOnEscape={false}
      closeButtonProps={{ 'aria-label': t('dialog.back') }}
    >
      <div className="script-large" ref={begin} />
      <div className="dialog-foot">
        <Button variant="default" onClick={p.onClose}>
          {t('dialog.back')}
        </Button>
      </div>
    </Modal>
  );
}
