import { getLocation } from 'jsonc-parser';
import { setDiagnostics, type Diagnostic } from '@codemirror/lint';
import { Annotation, EditorState } from '@codemirror/state';
import { EditorView } from '@codemirror/view';
import { useEffect, useRef } from 'react';
import { useTranslation } from 'react-i18next';
import { basics } from './codemirror';
import { difference } from './difference';
import type { DraftSession, Finding, Format } from './session';

/** A change that came from elsewhere, not from the hand in the code. */
const outside = Annotation.define<boolean>();

interface Props {
  name: string;
  session: DraftSession;
  text: string;
  format: Format;
  problems: readonly Finding[];
  readOnly: boolean;
  /** The line to show, and a number that says that it is wanted anew. */
  show: { line: number; nr: number } | undefined;
  /** The place in the document at which the caret is. */
  onPlace: (path: (string | number)[]) => void;
}

/** The editor counts a line end as one character; the draft keeps its own. */
const inward = (text: string) => text.replaceAll('\r\n', '\n');
const outward = (text: string, like: string) => (like.includes('\r\n') ? text.replaceAll('\n', '\r\n') : text);

/** The draft as text. */
export default function CodePane(p: Props) {
  const { t } = useTranslation();
  const box = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView>(null);
  const latest = useRef(p);
  useEffect(() => {
    latest.current = p;
  });
  const label = t('edit.codeOf', { name: p.name });

  useEffect(() => {
    if (!box.current) return;
    const changed = EditorView.updateListener.of((u) => {
      const { session, text, format, onPlace } = latest.current;
      const own = !u.transactions.some((tr) => tr.annotation(outside));
      if (u.docChanged && own) session.edit(outward(u.state.doc.toString(), text), { what: 'typed', of: 'code' });
      if (u.selectionSet && own && u.view.hasFocus && format === 'json') {
        onPlace(getLocation(u.state.doc.toString(), u.state.selection.main.head).path);
      }
    });
    const state = EditorState.create({
      doc: inward(latest.current.text),
      extensions: [basics({ language: p.format, label, readOnly: p.readOnly, undo: false }), changed],
    });
    const made = new EditorView({ state, parent: box.current });
    view.current = made;
    return () => {
      view.current = null;
      made.destroy();
    };
  }, [p.format, p.readOnly, label]);

  useEffect(() => {
    const v = view.current;
    if (!v) return;
    const change = difference(v.state.doc.toString(), inward(p.text));
    if (change) v.dispatch({ changes: change, annotations: outside.of(true) });
  }, [p.text, p.format, p.readOnly, label]);

  useEffect(() => {
    const v = view.current;
    if (v) v.dispatch(setDiagnostics(v.state, diagnostics(v.state, p.problems)));
  }, [p.problems, p.text, p.format, p.readOnly, label]);

  const wanted = p.show;
  useEffect(() => {
    const v = view.current;
    if (!v || !wanted) return;
    const line = v.state.doc.line(Math.max(1, Math.min(wanted.line, v.state.doc.lines)));
    v.dispatch({
      selection: { anchor: line.from },
      effects: EditorView.scrollIntoView(line.from, { y: 'center' }),
      annotations: outside.of(true),
    });
  }, [wanted]);
  return <div className="pane pane-code" ref={box} />;
}

function diagnostics(state: EditorState, problems: readonly Finding[]): Diagnostic[] {
  return problems.map((p) => {
    const line = state.doc.line(Math.max(1, Math.min(p.line ?? 1, state.doc.lines)));
    const from = Math.min(line.to, line.from + Math.max(0, (p.column ?? 1) - 1));
    return { from, to: line.to, severity: 'error', message: [p.message, p.hint].filter(Boolean).join('; ') };
  });
}
