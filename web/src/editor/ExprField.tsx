import { Input } from '@mantine/core';
import type { JSONPath } from 'jsonc-parser';
import { lazy, Suspense, useId, useMemo } from 'react';
import { useBench, wrongAt, type Bench } from './bench';
import type { ExprPlace, Scope } from './expression';
import { fieldAt, namesAt, pointerOf } from './read';
import { set } from './splice';

const ExprEditor = lazy(() => import('./ExprEditor'));

interface Props {
  label: string;
  path: JSONPath;
  place: ExprPlace;
  /** The label is said, but not shown. */
  hidden?: boolean;
  /** What is meant if there is nothing. */
  empty?: string;
  hint?: string | undefined;
  /** A text that is empty stays in the document. */
  keep?: boolean;
}

/** An expression of the document in a field. What is wrong with it is marked, and told below. */
export function ExprField(p: Props) {
  const id = useId();
  const bench = useBench();
  const { doc, frozen, problems, act } = bench;
  const pointer = pointerOf(p.path);
  const here = useMemo(() => problems.filter((x) => x.pointer === pointer), [problems, pointer]);
  const error = wrongAt(problems, p.path);
  const scope = scopeAt(bench, p.place, p.path);
  const field = (
    <Suspense fallback={<div className="expr" />}>
      <ExprEditor
        label={p.label}
        describedBy={error !== undefined ? `${id}-error` : p.hint ? `${id}-description` : undefined}
        text={fieldAt(doc, p.path)}
        empty={p.empty}
        readOnly={frozen}
        problems={here}
        scope={scope}
        onChange={(text) => {
          const value = text === '' && !p.keep ? undefined : text;
          act({ what: 'set', name: p.label, of: pointer }, (d) => ({ text: set(d, p.path, value) }));
        }}
      />
    </Suspense>
  );
  return (
    <Input.Wrapper
      id={id}
      label={p.hidden ? undefined : p.label}
      labelElement="div"
      description={p.hint}
      error={error}
      className="expr-field"
    >
      {field}
    </Input.Wrapper>
  );
}

/** What an expression can name at its place. */
function scopeAt({ doc, words }: Bench, place: ExprPlace, path: JSONPath): Scope {
  if (place === 'jobResource') {
    const names = namesAt(doc, ['variables']).map((name) => ({ name, from: 'variable' as const }));
    return { place, names, labels: [], jobs: [], resources: [] };
  }
  const own = path.slice(0, Math.max(path.lastIndexOf('executable'), path.lastIndexOf('defaultArguments')));
  const given = place === 'process' ? namesAt(doc, [...own, 'defaultArguments']) : [];
  const { parameters, labels, jobs, resources } = words;
  return {
    place,
    names: [
      ...parameters.map((name) => ({ name, from: 'parameter' as const })),
      ...given.filter((name) => !parameters.includes(name)).map((name) => ({ name, from: 'argument' as const })),
      ...(place === 'instruction' ? [{ name: 'returnCode', from: 'variable' as const }] : []),
    ],
    labels,
    jobs,
    resources,
  };
}
