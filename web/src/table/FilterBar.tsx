import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useNarrow } from './narrow';
import './filters.css';

/** One thing that a table can be filtered by. */
export interface Filter {
  name: string;
  label: string;
  /** Values to choose from; without it, a text is typed. */
  options?: readonly { value: string; label: string }[];
  wide?: boolean;
}

interface Props {
  label: string;
  filters: readonly Filter[];
  values: Readonly<Record<string, string | undefined>>;
  onChange: (name: string, value: string | undefined) => void;
  onClear?: (() => void) | undefined;
  children?: React.ReactNode;
}

/** A line of filters, folded on a phone; what is set stands in the address. */
export function FilterBar({ label, filters, values, onChange, onClear, children }: Props) {
  const { t } = useTranslation();
  const narrow = useNarrow();
  const set = filters.filter((f) => values[f.name]).length;
  const line = (
    <div className="filters" role="group" aria-label={label}>
      {filters.map((f) =>
        f.options ? (
          <label key={f.name} className={values[f.name] ? 'filter set' : 'filter'}>
            <span className="hidden-text">{f.label}</span>
            <select value={values[f.name] ?? ''} onChange={(e) => onChange(f.name, e.target.value || undefined)}>
              <option value="">{f.label}</option>
              {f.options.map((o) => (
                <option key={o.value} value={o.value}>
                  {o.label}
                </option>
              ))}
            </select>
          </label>
        ) : (
          <TextFilter key={f.name} filter={f} value={values[f.name]} onChange={(v) => onChange(f.name, v)} />
        ),
      )}
      {onClear && (
        <button type="button" className="link" onClick={onClear}>
          {t('view.clear')}
        </button>
      )}
      {children}
    </div>
  );
  if (!narrow) return line;
  return (
    <details className="filters-sheet">
      <summary>{set === 0 ? label : t('view.filtersSet', { label, count: set })}</summary>
      {line}
    </details>
  );
}

/** Waits for a pause in typing before it asks. */
function TextFilter(p: { filter: Filter; value: string | undefined; onChange: (v: string | undefined) => void }) {
  const [typed, setTyped] = useState<{ text: string; of: string | undefined }>();
  // What somebody else has set, a cleared filter or Back, goes before what was typed.
  const text = typed && typed.of === p.value ? typed.text : (p.value ?? '');
  const { onChange, value } = p;
  useEffect(() => {
    if (!typed || typed.text === (value ?? '')) return;
    const timer = setTimeout(() => onChange(typed.text || undefined), 300);
    return () => clearTimeout(timer);
  }, [typed, value, onChange]);
  return (
    <label className={p.value ? 'filter set' : 'filter'}>
      <span className="hidden-text">{p.filter.label}</span>
      <input
        type="search"
        className={p.filter.wide ? 'wide-field' : undefined}
        placeholder={p.filter.label}
        value={text}
        onChange={(e) => setTyped({ text: e.target.value, of: p.value })}
      />
    </label>
  );
}
