import { Button, NativeSelect, Textarea, TextInput } from '@mantine/core';
import type { JSONPath } from 'jsonc-parser';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { IconTrash } from '@tabler/icons-react';
import { useBench, wrongAt } from './bench';
import { newName } from './document';
import { ExprField } from './ExprField';
import type { ExprPlace } from './expression';
import { fieldAt, namesAt, nodeAt, pointerOf } from './read';
import { again, renamed, set, Spelled } from './splice';

interface Props {
  label: string;
  path: JSONPath;
  /** What is meant if there is nothing. */
  empty?: string;
  hint?: string | undefined;
}

const number = /^-?(?:0|[1-9]\d*)(?:\.\d+)?$/;

/** A number as it was typed; anything else as a text. */
export const spelled = (text: string) => (number.test(text) ? text : JSON.stringify(text));

/** A value as it goes into the document: what isn't a number stays a text, and the server says so. */
function typed(text: string, as: 'text' | 'number', keep = false): unknown {
  if (text === '' && !keep) return undefined;
  return as === 'number' ? new Spelled(spelled(text)) : text;
}

/** One value of the document in a field. What is wrong with it stands below. */
export function Field(p: Props & { as?: 'text' | 'number' | 'long'; keep?: boolean }) {
  const { doc, frozen, problems, act } = useBench();
  const as = p.as ?? 'text';
  const shared = {
    label: p.label,
    description: p.hint,
    value: fieldAt(doc, p.path),
    placeholder: p.empty,
    readOnly: frozen,
    error: wrongAt(problems, p.path),
    spellCheck: false,
    onChange: (e: { currentTarget: { value: string } }) => {
      const value = typed(e.currentTarget.value, as === 'number' ? 'number' : 'text', p.keep);
      act({ what: 'set', name: p.label, of: pointerOf(p.path) }, (d) => ({ text: set(d, p.path, value) }));
    },
  };
  if (as === 'long') return <Textarea {...shared} classNames={{ input: 'mono' }} rows={6} />;
  return <TextInput {...shared} autoComplete="off" inputMode={as === 'number' ? 'decimal' : 'text'} />;
}

/** A value out of some. */
export function Choose(p: Props & { options: readonly { value: string; label: string }[] }) {
  const { doc, frozen, problems, act } = useBench();
  const value = fieldAt(doc, p.path);
  const known = p.options.some((o) => o.value === value);
  return (
    <NativeSelect
      label={p.label}
      description={p.hint}
      value={value}
      disabled={frozen}
      error={wrongAt(problems, p.path)}
      data={known ? [...p.options] : [{ value, label: value || (p.empty ?? '') }, ...p.options]}
      onChange={(e) => {
        const chosen = e.currentTarget.value;
        act({ what: 'set', name: p.label }, (d) => ({ text: set(d, p.path, chosen === '' ? undefined : chosen) }));
      }}
    />
  );
}

/** A yes or no that the document has, or not. */
export function Check({ label, path }: Props) {
  const { doc, frozen, act } = useBench();
  return (
    <label className="check">
      <input
        type="checkbox"
        checked={nodeAt(doc, path)?.value === true}
        disabled={frozen}
        onChange={(e) => {
          const on = e.currentTarget.checked;
          act({ what: 'set', name: label }, (d) => ({ text: set(d, path, on || undefined) }));
        }}
      />
      {label}
    </label>
  );
}

/** A text that is taken over when it is left, as a name that others use. */
export function NameField(p: {
  label: string;
  value: string;
  error?: string | undefined;
  taken: readonly string[];
  hidden?: boolean;
  onChange: (name: string) => void;
}) {
  const { t } = useTranslation();
  const { frozen } = useBench();
  const [text, setText] = useState<string>();
  const wrong = text !== undefined && text !== p.value && p.taken.includes(text) ? t('edit.taken') : p.error;
  const done = () => {
    if (text !== undefined && text !== '' && text !== p.value && !p.taken.includes(text)) p.onChange(text);
    setText(undefined);
  };
  return (
    <TextInput
      {...(p.hidden ? { 'aria-label': p.label } : { label: p.label, 'data-name': true })}
      value={text ?? p.value}
      readOnly={frozen}
      error={wrong}
      autoComplete="off"
      spellCheck={false}
      onChange={(e) => setText(e.currentTarget.value)}
      onBlur={done}
      onKeyDown={(e) => {
        if (e.key === 'Enter') {
          e.preventDefault();
          done();
        }
      }}
    />
  );
}

/** Names with expressions, one a row: environment, arguments. */
export function Rows({
  label,
  path,
  stem,
  hint,
  place,
}: {
  label: string;
  path: JSONPath;
  stem: string;
  hint?: string;
  place: ExprPlace;
}) {
  const { t } = useTranslation();
  const { doc, frozen, act } = useBench();
  const names = namesAt(doc, path);
  return (
    <fieldset className="rows">
      <legend>{label}</legend>
      {hint && names.length > 0 && <p className="caption">{hint}</p>}
      {names.map((name, i) => (
        // Rows are told apart by their place: a name that is typed stays in its field.
        <div key={i} className="rows-row">
          <NameField
            label={t('edit.rowName', { label, nr: i + 1 })}
            hidden
            value={name}
            taken={names}
            onChange={(to) => act({ what: 'set', name: label }, (d) => ({ text: renamed(d, [...path, name], to) }))}
          />
          <ExprField label={t('edit.rowValue', { label, name })} hidden path={[...path, name]} place={place} keep />
          <Trash
            label={t('edit.rowRemove', { name })}
            onClick={() =>
              act({ what: 'removed', name }, (d) => {
                const left = again(set(d, [...path, name], undefined));
                return { text: names.length === 1 ? set(left, path, undefined) : left.text };
              })
            }
          />
        </div>
      ))}
      {!frozen && (
        <Button
          variant="default"
          size="xs"
          onClick={() => {
            const name = newName(stem, names);
            act({ what: 'inserted', name }, (d) => ({ text: set(d, [...path, name], "''") }));
          }}
        >
          {t('edit.rowAdd', { label })}
        </Button>
      )}
    </fieldset>
  );
}

export function Trash({ label, onClick }: { label: string; onClick: () => void }) {
  const { frozen } = useBench();
  if (frozen) return null;
  return (
    <button type="button" className="icon-button" aria-label={label} title={label} onClick={onClick}>
      <IconTrash size={16} aria-hidden />
    </button>
  );
}
