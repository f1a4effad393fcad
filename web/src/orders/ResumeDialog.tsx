import { Checkbox, Select } from '@mantine/core';
import { useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import '@mantine/core/styles/Checkbox.css';
import '@mantine/core/styles/InlineInput.css';
import '@mantine/core/styles/Combobox.css';
import '@mantine/core/styles/ScrollArea.css';
import type { Schemas } from '../api/client';
import { Confirm } from '../dialogs/Confirm';
import type { Step } from '../graph/tree';
import { stepName } from '../graph/words';
import { Text } from '../view/Name';
import { carryOut } from './actions';
import { ChangeValues } from './ChangeValues';
import { useWorkflowDocument } from './document';
import { PickStep } from './PickStep';
import { reachable } from './reachable';
import { following, goesOnAt, noWish, readWish, resultsOf, type Read, type Resumable, type Wish } from './resume';
import './resume.css';

interface Props {
  id: string;
  workflow: { path: string; versionId: string };
  order: Resumable;
  /** Key of the step at which it is to go on; empty: where it stands. */
  at: string;
  onPick: (at: string) => void;
  onClose: () => void;
}

/** Asks where an order goes on and with what, shows what that means, and resumes it. */
export default function ResumeDialog({ id, workflow, order, at: asked, onPick, onClose }: Props) {
  const { t } = useTranslation();
  const here = goesOnAt(order, '');
  // What an address says may be where it stands, or no place at all.
  const at = asked === here ? '' : asked;
  const [typed, setTyped] = useState<Wish>(noWish);
  const wish = { ...typed, at };
  const document = useWorkflowDocument(workflow);
  const { tree } = document;
  const targets = useMemo(() => (tree ? reachable(tree, order.position) : []), [tree, order.position]);
  const open = useMemo(() => new Set(targets.map((target) => target.step.key)), [targets]);
  const from = goesOnAt(order, at);
  const next = useMemo(() => (tree ? following(tree, from) : []), [tree, from]);
  const runs = useMemo(() => new Set(next.map((s) => s.key)), [next]);
  const results = resultsOf(order, at);
  const read = readWish(order, wish);
  const skip = document.workflow?.skip ?? [];
  const nameOf = (position: unknown[]) => document.nameOf(position) || JSON.stringify(position);
  const act = async (reason: string | undefined) => {
    if (!read.body) throw new Error(t('resume.mend'));
    await carryOut('resume', [id], { reason, resume: read.body });
  };
  return (
    <Confirm
      question={t('act.resume.question', { name: t('act.one', { id }) })}
      consequences={[t(at ? 'act.resume.there' : 'act.resume.here')]}
      verb={t('act.resume.verb', { count: 1 })}
      wide
      act={act}
      onClose={onClose}
    >
      <div className="resume">
        {tree && (
          <PickStep
            label={t('graph.of', { path: workflow.path })}
            tree={tree}
            open={open}
            here={here}
            chosen={from}
            runs={runs}
            onPick={(key) => onPick(key === here ? '' : key)}
          />
        )}
        <div className="resume-side">
          <Select
            label={t('act.resume.at')}
            data={[
              { value: '', label: t('act.resume.stands') },
              ...targets
                .filter(({ step }) => step.key !== here)
                .map(({ step, depth, isEnd }) => ({
                  value: step.key,
                  label: isEnd ? t('act.resume.end') : '\u2003'.repeat(depth) + stepName(step, t),
                })),
            ]}
            value={at}
            onChange={(key) => onPick(key ?? '')}
            allowDeselect={false}
            searchable={targets.length > 12}
            comboboxProps={{ withinPortal: true }}
          />
          {at && (
            <Checkbox
              label={t('act.resume.asSucceeded')}
              description={t('act.resume.asSucceededHelp')}
              checked={wish.asSucceeded}
              onChange={(e) => setTyped({ ...typed, asSucceeded: e.currentTarget.checked })}
            />
          )}
          <Preview
            next={next}
            skip={skip}
            read={read}
            dropped={[
              ...new Set(results.filter((r) => r.void || wish.dropped.has(r.nr)).map((r) => nameOf(r.position))),
            ]}
          />
          <details className="change-values">
            <summary>{t('resume.change')}</summary>
            <ChangeValues
              order={order}
              parameters={document.workflow?.parameters ?? []}
              results={results}
              nameOf={nameOf}
              wish={wish}
              problems={read.problems}
              onChange={(change) => setTyped({ ...typed, ...change })}
            />
          </details>
          {read.body && (
            <details>
              <summary>{t('resume.command')}</summary>
              <pre className="mono resume-json" tabIndex={0}>
                <Text lines>{JSON.stringify({ ids: [id], ...read.body }, null, 1)}</Text>
              </pre>
            </details>
          )}
        </div>
      </div>
    </Confirm>
  );
}

/** So many steps are named; the graph shows all. */
const mostNamed = 12;

interface PreviewProps {
  next: readonly Step[];
  skip: Schemas['Workflow']['skip'];
  read: Read;
  dropped: readonly string[];
}

/** What happens when the order is resumed so. */
function Preview({ next, skip, read, dropped }: PreviewProps) {
  const { t } = useTranslation();
  return (
    <section className="resume-preview" aria-label={t('resume.will')}>
      <h3>{t('resume.will')}</h3>
      {next.length === 0 ? (
        <p>{t('resume.nothing')}</p>
      ) : (
        <ol>
          {next.slice(0, mostNamed).map((s) => (
            <li key={s.key}>
              <Text>{stepName(s, t)}</Text>
              {s.blocks.length > 0 && <span className="faint"> {t('graph.inside', { count: s.inside })}</span>}
              {s.label !== '' && skip.includes(s.label) && <span className="faint"> ({t('graph.skipped')})</span>}
            </li>
          ))}
          {next.length > mostNamed && <li className="faint">{t('resume.more', { count: next.length - mostNamed })}</li>}
        </ol>
      )}
      {dropped.length > 0 && (
        <p>
          <Text>{t('resume.dropped', { steps: dropped.join(', ') })}</Text>
        </p>
      )}
      {read.changes.map((c) => (
        <p key={`${c.nr ?? ''} ${c.name}`} className="resume-change">
          <Text>{c.name}</Text>: <del>{c.before === '' ? '–' : <Text>{c.before}</Text>}</del>{' '}
          <span aria-hidden="true">→</span> <ins>{c.after === '' ? '–' : <Text>{c.after}</Text>}</ins>
        </p>
      ))}
    </section>
  );
}
