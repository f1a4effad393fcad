import type { TFunction } from 'i18next';
import { useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import { Text } from '../view/Name';
import { isRead, readDocument, valueAt } from './read';
import { sentencesOf, type Sentence } from './sentences';

/** More than so many sentences are folded. */
const shown = 12;

/** What differs between two texts, in sentences: what runs differently first. */
export function Said({ before, after, label }: { before: string; after: string; label: string }) {
  const { t } = useTranslation();
  const sentences = useMemo(() => between(before, after), [before, after]);
  if (!sentences) return <p className="second">{t('edit.said.unreadable')}</p>;
  if (sentences.length === 0) return <p className="second">{t('edit.said.nothing')}</p>;
  const lines = (some: readonly Sentence[]) => some.map((s, i) => <Line key={i} of={s} />);
  return (
    <>
      <ul className="said" aria-label={label}>
        {lines(sentences.slice(0, shown))}
      </ul>
      {sentences.length > shown && (
        <details>
          <summary>{t('edit.said.more', { count: sentences.length - shown })}</summary>
          <ul className="said">{lines(sentences.slice(shown))}</ul>
        </details>
      )}
    </>
  );
}

/** What differs between two texts; undefined if one can't be read. */
export function between(before: string, after: string): Sentence[] | undefined {
  const [a, b] = [readDocument(before), readDocument(after)];
  if (!isRead(a) || !isRead(b)) return undefined;
  return sentencesOf(valueAt(a, []) ?? null, valueAt(b, []) ?? null);
}

function Line({ of: s }: { of: Sentence }) {
  const { t } = useTranslation();
  return (
    <li data-runs={s.runs || undefined}>
      <Text>{sentence(s, t)}</Text>
      {s.runs && <span className="caption"> {t('edit.said.runs')}</span>}
    </li>
  );
}

function sentence(s: Sentence, t: TFunction): string {
  // A step without a name is called by the word for what it is.
  const word = (name: string) => t(`graph.type.${name.replace('.', '_')}`, name);
  const values = { ...s.values };
  for (const name of ['name', 'after']) if (values[name] !== undefined) values[name] = word(String(values[name]));
  if (values['where'] !== undefined) values['where'] = String(values['where']).split(', ').map(word).join(', ');
  const { field } = values;
  if (field !== undefined) values['field'] = t(`edit.said.field.${field}`, String(field));
  const said = t(`edit.said.${s.key}`, values);
  return s.of === '' || s.key.startsWith('step') || s.key.startsWith('job') || s.key.startsWith('lane')
    ? said
    : t('edit.said.about', { of: word(s.of), said });
}
