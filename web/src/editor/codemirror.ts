import { history as typing, defaultKeymap, historyKeymap, indentWithTab } from '@codemirror/commands';
import { json } from '@codemirror/lang-json';
import { yaml } from '@codemirror/lang-yaml';
import {
  bracketMatching,
  HighlightStyle,
  StreamLanguage,
  syntaxHighlighting,
  type StringStream,
} from '@codemirror/language';
import { shell } from '@codemirror/legacy-modes/mode/shell';
import { lintGutter } from '@codemirror/lint';
import { highlightSelectionMatches, search, searchKeymap } from '@codemirror/search';
import { EditorState, type Extension } from '@codemirror/state';
import { drawSelection, EditorView, highlightActiveLine, keymap, lineNumbers } from '@codemirror/view';
import { tags } from '@lezer/highlight';
import { getNonce } from 'get-nonce';
import { isFunction, isKeyword, isSymbol } from './expression';

const highlight = HighlightStyle.define([
  { tag: [tags.propertyName, tags.definition(tags.propertyName), tags.attributeName], color: 'var(--code-key)' },
  { tag: [tags.string, tags.special(tags.string)], color: 'var(--code-string)' },
  { tag: [tags.number, tags.bool, tags.null, tags.atom], color: 'var(--code-number)' },
  { tag: [tags.keyword, tags.operator, tags.standard(tags.name), tags.meta], color: 'var(--code-keyword)' },
  { tag: [tags.comment, tags.lineComment, tags.blockComment], color: 'var(--code-comment)' },
  { tag: [tags.variableName, tags.definition(tags.variableName)], color: 'var(--code-key)' },
]);

const look = EditorView.theme({
  '&': { height: '100%', backgroundColor: 'var(--surface)', color: 'var(--text)' },
  '&.cm-focused': { outline: '2px solid var(--ink)', outlineOffset: '-2px' },
  '.cm-scroller': {
    fontFamily: "'JetBrains Mono Variable', ui-monospace, 'DejaVu Sans Mono', monospace",
    fontSize: '12.5px',
    lineHeight: '20px',
  },
  '.cm-content': { caretColor: 'var(--ink)' },
  '.cm-placeholder': { color: 'var(--text-3)' },
  '.cm-cursor': { borderLeftColor: 'var(--ink)' },
  '.cm-gutters': { backgroundColor: 'var(--surface)', color: 'var(--text-3)', border: 'none' },
  '.cm-activeLine, .cm-activeLineGutter': { backgroundColor: 'var(--hover)' },
  '&.cm-focused .cm-selectionBackground, .cm-selectionBackground': { backgroundColor: 'var(--selected) !important' },
  '.cm-matchingBracket': { backgroundColor: 'var(--selected) !important', outline: '1px solid var(--control)' },
  '.cm-selectionMatch': { backgroundColor: 'var(--selected)' },
  '.cm-searchMatch': { backgroundColor: 'var(--hit)' },
  '.cm-panels': { backgroundColor: 'var(--surface)', color: 'var(--text)' },
  '.cm-tooltip': { backgroundColor: 'var(--surface)', color: 'var(--text)', border: '1px solid var(--control)' },
  '.cm-tooltip.cm-tooltip-autocomplete > ul > li[aria-selected]': {
    backgroundColor: 'var(--selected)',
    color: 'var(--text)',
    boxShadow: 'inset 3px 0 var(--ink)',
  },
  '.cm-lintPoint-error::after': { borderBottomColor: 'var(--fail-fill)' },
  '.cm-lintRange-error': { backgroundImage: 'none', borderBottom: '2px solid var(--fail-fill)' },
});

/**
 * What is typed over a selection goes in here. The browser itself would keep the colours
 * of what was there, by a style attribute, which the policy refuses.
 */
const typedOver = EditorView.domEventHandlers({
  beforeinput: (e, view) => {
    const { from, to, empty } = view.state.selection.main;
    const text = e.data;
    if (empty || text === null || e.inputType !== 'insertText' || view.composing || view.state.readOnly) return false;
    const insert = () =>
      view.state.update(view.state.replaceSelection(text), { userEvent: 'input.type', scrollIntoView: true });
    const others = view.state.facet(EditorView.inputHandler);
    if (!others.some((h) => h(view, from, to, text, insert))) view.dispatch(insert());
    return true;
  },
});

export type Language = 'json' | 'yaml' | 'shell';

const languages: Record<Language, () => Extension> = {
  json: () => json(),
  yaml: () => yaml(),
  shell: () => StreamLanguage.define(shell),
};

/** What every editor of text has. With `undo`, it has a history of its own. */
export function basics(o: { language: Language; label: string; readOnly: boolean; undo: boolean }): Extension {
  return [
    EditorView.cspNonce.of(getNonce() ?? ''),
    EditorView.contentAttributes.of({ 'aria-label': o.label, tabindex: '0' }),
    EditorState.readOnly.of(o.readOnly),
    EditorState.tabSize.of(2),
    languages[o.language](),
    syntaxHighlighting(highlight),
    look,
    typedOver,
    lineNumbers(),
    lintGutter(),
    drawSelection(),
    highlightActiveLine(),
    bracketMatching(),
    highlightSelectionMatches(),
    search({ top: true }),
    ...(o.undo ? [typing(), keymap.of(historyKeymap)] : []),
    keymap.of([...searchKeymap, ...defaultKeymap, ...(o.language === 'shell' ? [indentWithTab] : [])]),
    EditorView.lineWrapping,
  ];
}

/** Colours of expressions. */
export const expressionLanguage: Extension = [
  StreamLanguage.define<{ open: string }>({
    startState: () => ({ open: '' }),
    token: (stream, state) => {
      if (state.open === '/*') {
        if (stream.skipTo('*/')) {
          stream.match('*/');
          state.open = '';
        } else stream.skipToEnd();
        return 'comment';
      }
      if (state.open !== '') return inText(stream, state);
      if (stream.eatSpace()) return null;
      if (stream.match('//')) {
        stream.skipToEnd();
        return 'comment';
      }
      if (stream.match('/*')) {
        state.open = '/*';
        return 'comment';
      }
      const quote = stream.match(/^(?:'+|")/) as RegExpMatchArray | null;
      if (quote) {
        state.open = quote[0];
        return 'string';
      }
      if (stream.match(/^\$\{?(?:[\p{L}\p{N}_]+|`[^`]*`)(?:[^}]*\})?/u)) return 'variableName';
      if (stream.match(/^\d+(?:\.\d+)?/)) return 'number';
      const word = stream.match(/^[\p{L}_][\p{L}\p{N}_]*/u) as RegExpMatchArray | null;
      if (!word) {
        stream.next();
        return null;
      }
      if (isFunction(word[0])) return 'keyword';
      return isKeyword(word[0]) || isSymbol(word[0]) ? 'atom' : null;
    },
  }),
  syntaxHighlighting(highlight),
];

/** Reads on in a text; within double quotes values have their own colour. */
function inText(stream: StringStream, state: { open: string }): string {
  if (state.open === '"' && stream.match(/^\$(?:\{[^}]*\}|[\p{L}_][\p{L}\p{N}_]*)/u)) return 'variableName';
  if (state.open === '"' && stream.match(/^\\./)) return 'string';
  if (stream.match(state.open)) {
    state.open = '';
    return 'string';
  }
  stream.next();
  return 'string';
}

/** What an editor has that stands in a form as a field. */
export function inField(label: string, readOnly: boolean): Extension {
  return [
    EditorView.cspNonce.of(getNonce() ?? ''),
    EditorView.contentAttributes.of({ 'aria-label': label, spellcheck: 'false', tabindex: '0' }),
    EditorState.readOnly.of(readOnly),
    look,
    typedOver,
    drawSelection(),
    EditorView.lineWrapping,
    bracketMatching(),
  ];
}
