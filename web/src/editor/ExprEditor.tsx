import {
  autocompletion,
  closeBrackets,
  closeBracketsKeymap,
  completionKeymap,
  type CompletionContext,
} from '@codemirror/autocomplete';
import { defaultKeymap } from '@codemirror/commands';
import { setDiagnostics } from '@codemirror/lint';
import { Annotation, EditorState } from '@codemirror/state';
import { EditorView, hoverTooltip, keymap, placeholder } from '@codemirror/view';
import type { TFunction } from 'i18next';
import { useEffect, useRef } from 'react';
import { useTranslation } from 'react-i18next';
import { expressionLanguage, inField } from './codemirror';
import { difference } from './difference';
import { isFunction, isSymbol, markOf, optionsAt, signature, wordAt, type Option, type Scope } from './expression';
import type { Finding } from './session';

/** A change that came from elsewhere, not from the hand in the field. */
const outside = Annotation.define<boolean>();

export interface ExprProps {
  label: string;
  /** Id of what describes the field, if anything does. */
  describedBy: string | undefined;
  text: string;
  empty: string | undefined;
  readOnly: boolean;
  problems: readonly Finding[];
  scope: Scope;
  onChange: (text: string) => void;
}

/** A field for an expression: coloured, completed, explained, and marked where it is wrong. */
export default function ExprEditor(p: ExprProps) {
  const { t } = useTranslation();
  const box = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView>(null);
  const latest = useRef(p);
  useEffect(() => {
    latest.current = p;
  });
  const { label, readOnly, empty } = p;

  useEffect(() => {
    if (!box.current) return;
    const changed = EditorView.updateListener.of((u) => {
      if (u.docChanged && !u.transactions.some((tr) => tr.annotation(outside))) {
        latest.current.onChange(u.state.doc.toString());
      }
    });
    const state = EditorState.create({
      doc: latest.current.text,
      extensions: [
        inField(label, readOnly),
        expressionLanguage,
        EditorView.contentAttributes.of((): Record<string, string> => {
          const { problems, describedBy } = latest.current;
          return {
            'aria-invalid': String(problems.length > 0),
            ...(describedBy && { 'aria-describedby': describedBy }),
          };
        }),
        ...(empty ? [placeholder(empty)] : []),
        closeBrackets(),
        autocompletion({
          override: [(c) => completions(c, latest.current.scope, t)],
          icons: false,
          interactionDelay: 0,
        }),
        hoverTooltip((v, at) => {
          const found = wordAt(v.state.doc.toString(), at);
          const help = found && helpOf(found.word, t);
          return help ? { pos: found.from, end: found.to, create: () => ({ dom: helpNode(help) }) } : null;
        }),
        // An expression may have several lines; Enter alone isn't meant to make one.
        keymap.of([
          ...closeBracketsKeymap,
          ...completionKeymap,
          { key: 'Enter', run: () => true },
          ...defaultKeymap.filter((k) => k.key !== 'Enter' || k.shift),
        ]),
        changed,
      ],
    });
    const made = new EditorView({ state, parent: box.current });
    view.current = made;
    return () => {
      view.current = null;
      made.destroy();
    };
  }, [label, readOnly, empty, t]);

  useEffect(() => {
    const v = view.current;
    const change = v && difference(v.state.doc.toString(), p.text);
    if (change) v.dispatch({ changes: change, annotations: outside.of(true) });
  }, [p.text, label, readOnly, empty]);

  useEffect(() => {
    const v = view.current;
    if (!v) return;
    const source = v.state.doc.toString();
    const marks = p.problems.map((x) => ({
      ...markOf(source, x.textLine, x.textColumn),
      severity: 'error' as const,
      message: [x.message, x.hint].filter(Boolean).join('; '),
    }));
    v.dispatch(setDiagnostics(v.state, marks));
  }, [p.problems, label, readOnly, empty]);
  return <div className="expr" data-wrong={p.problems.length > 0 || undefined} ref={box} />;
}

interface Help {
  title: string;
  text: string;
}

function helpOf(word: string, t: TFunction): Help | undefined {
  if (word.startsWith('$')) {
    const text = t(`expr.help.builtIns.${word.slice(1)}`, '');
    return text ? { title: word, text } : undefined;
  }
  if (isFunction(word)) return { title: signature(word), text: t(`expr.help.functions.${word}`) };
  return isSymbol(word) ? { title: word, text: t(`expr.help.symbols.${word}`) } : undefined;
}

function helpNode({ title, text }: Help): HTMLElement {
  const node = document.createElement('div');
  node.className = 'expr-help';
  const head = node.appendChild(document.createElement('code'));
  head.textContent = title;
  node.appendChild(document.createElement('p')).textContent = text;
  return node;
}

function completions(c: CompletionContext, scope: Scope, t: TFunction) {
  const found = optionsAt(c.state.sliceDoc(0, c.pos), scope);
  const before = c.state.sliceDoc(0, c.pos);
  const asked = c.explicit || found?.from !== c.pos || /[$:=(]$|(?:argument|variable)\s*\(\s*['"]$/.test(before);
  if (!found || !asked) return null;
  const option = (o: Option) => {
    const help = helpOf(o.kind === 'builtIn' && !o.text.startsWith('$') ? `$${o.text}` : o.text, t);
    return {
      label: o.text,
      detail: o.kind === 'function' ? signature(o.text).slice(o.text.length) : t(`expr.kind.${o.kind}`),
      type: o.kind,
      ...(o.kind === 'function' && { apply: apply(o.text) }),
      ...(help && { info: () => helpNode(help) }),
    };
  };
  return { from: found.from, options: found.options.map(option), validFor: /^[\p{L}\p{N}_$./-]*$/u };
}

/** Writes a call, with the caret between its parentheses. */
const apply = (name: string) => (view: EditorView, _: unknown, from: number, to: number) => {
  const has = view.state.sliceDoc(to, to + 1) === '(';
  const insert = has ? name : `${name}()`;
  view.dispatch({
    changes: { from, to, insert },
    selection: { anchor: from + name.length + 1 },
    userEvent: 'input.complete',
  });
};
