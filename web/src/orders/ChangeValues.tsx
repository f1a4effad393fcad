import { TextInput } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import type { Schemas } from '../api/client';
import { Text } from '../view/Name';
import { textOf, type Read, type Result, type Resumable, type Wish } from './resume';

interface Props {
  order: Resumable;
  /** What the workflow declares. */
  parameters: readonly Schemas['Parameter'][];
  results: readonly Result[];
  /** What a step of the history is called. */
  nameOf: (position: unknown[]) => string;
  wish: Wish;
  problems: Read['problems'];
  onChange: (change: Partial<Wish>) => void;
}

/** The arguments of an order and the results of its steps, to be changed before it goes on. */
export function ChangeValues({ order, parameters, results, nameOf, wish, problems, onChange }: Props) {
  const { t } = useTranslation();
  const wrong = (field: string) => (problems.has(field) ? t('resume.notJson') : undefined);
  const given = Object.keys(order.arguments);
  const others = parameters.filter((p) => !p.final && !given.includes(p.name));
  const final = new Set(parameters.filter((p) => p.final).map((p) => p.name));
  const setArgument = (name: string, text: string) => onChange({ arguments: new Map(wish.arguments).set(name, text) });
  const setResult = (nr: number, name: string, text: string) =>
    onChange({ results: new Map(wish.results).set(nr, new Map(wish.results.get(nr)).set(name, text)) });
  const drop = (nr: number, on: boolean) => {
    const dropped = new Set(wish.dropped);
    if (on) dropped.add(nr);
    else dropped.delete(nr);
    onChange({ dropped });
  };
  return (
    <>
      <section className="change-group" aria-label={t('orderPage.arguments')}>
        <h3>{t('orderPage.arguments')}</h3>
        {given.length + others.length === 0 && <p className="faint">{t('orderPage.noArguments')}</p>}
        {given.map((name) => (
          <TextInput
            key={name}
            size="xs"
            label={<Text>{name}</Text>}
            value={wish.arguments.get(name) ?? textOf(order.arguments[name])}
            error={wrong(`argument ${name}`)}
            disabled={final.has(name)}
            onChange={(e) => setArgument(name, e.currentTarget.value)}
          />
        ))}
        {others.map((p) => (
          <TextInput
            key={p.name}
            size="xs"
            label={<Text>{p.name}</Text>}
            placeholder={p.default ?? ''}
            value={wish.arguments.get(p.name) ?? ''}
            onChange={(e) => setArgument(p.name, e.currentTarget.value)}
          />
        ))}
      </section>
      {results.map((r) => {
        const name = nameOf(r.position);
        const gone = r.void || wish.dropped.has(r.nr);
        return (
          <section key={r.nr} className="change-group" aria-label={t('orderPage.resultOf', { step: name })}>
            <h3 className="spread">
              <Text>{t('orderPage.resultOf', { step: name })}</Text>
              {r.void ? (
                <span className="caption">{t('resume.void')}</span>
              ) : (
                <label className="check">
                  <input
                    type="checkbox"
                    checked={wish.dropped.has(r.nr)}
                    onChange={(e) => drop(r.nr, e.currentTarget.checked)}
                  />
                  {t('resume.drop')}
                </label>
              )}
            </h3>
            {!gone &&
              Object.entries(r.outcome.namedValues ?? {}).map(([key, value]) => (
                <TextInput
                  key={key}
                  size="xs"
                  label={<Text>{key}</Text>}
                  value={wish.results.get(r.nr)?.get(key) ?? textOf(value)}
                  error={wrong(`result ${r.nr} ${key}`)}
                  onChange={(e) => setResult(r.nr, key, e.currentTarget.value)}
                />
              ))}
          </section>
        );
      })}
    </>
  );
}
