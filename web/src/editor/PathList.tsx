import { Button } from '@mantine/core';
import type { JSONPath } from 'jsonc-parser';
import { useTranslation } from 'react-i18next';
import { useBench } from './bench';
import { Choose, Trash } from './Field';
import { countAt, fieldAt } from './read';
import { again, cut, set } from './splice';

/** The job resources that something names, in their order: of two, the first one counts. */
export function PathList({ path }: { path: JSONPath }) {
  const { t } = useTranslation();
  const { doc, frozen, words, act } = useBench();
  const count = countAt(doc, path);
  const named = Array.from({ length: count }, (_, i) => fieldAt(doc, [...path, i]));
  const left = words.resources.filter((r) => !named.includes(r));
  const label = t('edit.resources');
  const [first] = left;
  return (
    <fieldset className="rows">
      <legend>{label}</legend>
      {named.map((name, i) => (
        <div key={i} className="rows-row">
          <Choose
            label={t('edit.resourceNr', { nr: i + 1 })}
            path={[...path, i]}
            options={[name, ...left].map((value) => ({ value, label: value }))}
          />
          <Trash
            label={t('edit.rowRemove', { name })}
            onClick={() =>
              act({ what: 'removed', name }, (d) => {
                const text = cut(d, [...path, i]).text;
                return { text: count === 1 ? set(again(text), path, undefined) : text };
              })
            }
          />
        </div>
      ))}
      {!frozen && first !== undefined && (
        <Button
          variant="default"
          size="xs"
          onClick={() => act({ what: 'inserted', name: first }, (d) => ({ text: set(d, [...path, count], first) }))}
        >
          {t('edit.addResource')}
        </Button>
      )}
      {count === 0 && first === undefined && <p className="caption">{t('edit.noResources')}</p>}
    </fieldset>
  );
}
