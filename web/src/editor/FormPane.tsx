import { Button, TextInput } from '@mantine/core';
import type { JSONPath } from 'jsonc-parser';
import { lazy, Suspense, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { isJob, type Step } from '../graph/tree';
import { stepName, typeWord } from '../graph/words';
import { Text } from '../view/Name';
import { useBench, wrongAt } from './bench';
import { jobPathOf, newName, renameJob } from './document';
import { ExprField } from './ExprField';
import { Check, Choose, Field, NameField, Rows, spelled, Trash } from './Field';
import { AgentForm, ResourceForm } from './objectForms';
import { PathList } from './PathList';
import { countAt, fieldAt, namesAt, nodeAt, pointerOf, valueAt } from './read';
import { cut, put, renamed, set, Spelled } from './splice';

const ScriptDialog = lazy(() => import('./ScriptDialog'));

/** What is chosen, as fields: a step, or the workflow itself. */
export function FormPane({ kind, name }: { kind: string; name: string }) {
  const { t } = useTranslation();
  const { step } = useBench();
  const label = step
    ? t(isJob(step) ? 'edit.propertiesOfJob' : 'edit.propertiesOf', { name: stepName(step, t) })
    : t('edit.propertiesOf', { name });
  return (
    <form
      className="pane pane-form"
      aria-label={label}
      data-place={step ? pointerOf(step.path) : ''}
      onSubmit={(e) => e.preventDefault()}
    >
      <h2>
        <Text>{label}</Text>
      </h2>
      {/* Another step has fields of its own: what is half typed must not go over. */}
      {step ? <StepForm key={step.path.join('/')} step={step} /> : <ObjectForm kind={kind} />}
    </form>
  );
}

function ObjectForm({ kind }: { kind: string }) {
  if (kind === 'JobResource') return <ResourceForm />;
  return kind === 'AgentRef' ? <AgentForm /> : <WorkflowForm />;
}

function StepForm({ step }: { step: Step }) {
  const { t } = useTranslation();
  const { path, type } = step;
  const at = (...more: JSONPath) => [...path, ...more];
  const fields: Record<string, React.ReactNode> = {
    If: <Conditions step={step} />,
    Fork: <Branches step={step} />,
    Try: (
      <>
        <Field label={t('edit.maxTries')} path={at('maxTries')} as="number" empty={t('edit.noLimit')} />
        <Delays path={at('retryDelays')} />
      </>
    ),
    Fail: <ExprField label={t('edit.message')} path={at('message')} place="instruction" hint={t('edit.expression')} />,
    Sleep: (
      <ExprField
        label={t('edit.duration')}
        path={at('duration')}
        place="instruction"
        hint={t('edit.expression')}
        keep
      />
    ),
    Finish: (
      <Choose
        label={t('edit.outcome')}
        path={at('outcome', 'TYPE')}
        options={['Succeeded', 'Failed'].map((value) => ({ value, label: t(`outcome.${value}`) }))}
      />
    ),
    Options: <Check label={t('edit.stopOnFailure')} path={at('stopOnFailure')} />,
    ForkList: (
      <>
        <ExprField
          label={t('edit.children')}
          path={at('children')}
          place="instruction"
          hint={t('edit.expression')}
          keep
        />
        <ExprField
          label={t('edit.childToId')}
          path={at('childToId')}
          place="instruction"
          hint={t('edit.function')}
          keep
        />
        <ExprField
          label={t('edit.childToArguments')}
          path={at('childToArguments')}
          place="instruction"
          hint={t('edit.function')}
        />
        <Rows
          label={t('edit.result')}
          path={at('workflow', 'result')}
          stem="name"
          hint={t('edit.expression')}
          place="instruction"
        />
      </>
    ),
  };
  return (
    <div className="stack">
      {!isJob(step) && <p className="second">{typeWord(step, t)}</p>}
      <Field label={t('edit.label')} path={at('label')} empty={t('edit.none')} />
      {isJob(step) ? <JobForm step={step} /> : fields[type]}
      {isJob(step) && (
        <Rows
          label={t('edit.stepArguments')}
          path={at('defaultArguments')}
          stem="name"
          hint={t('edit.expression')}
          place="process"
        />
      )}
    </div>
  );
}

const executables: Record<string, string> = {
  ShellScriptExecutable: 'script',
  PathExecutable: 'path',
  CommandLineExecutable: 'command',
};

function JobForm({ step }: { step: Step }) {
  const { t } = useTranslation();
  const { doc, agents, problems, frozen, act } = useBench();
  const [large, setLarge] = useState(false);
  const { path, type } = step;
  const job = jobPathOf(doc, path);
  const name = fieldAt(doc, [...path, 'jobName']);
  const at = (...more: JSONPath) => [...(job ?? path), ...more];
  const kind = fieldAt(doc, at('executable', 'TYPE'));
  const field = executables[kind] ?? 'script';
  const limit = nodeAt(doc, at('parallelism')) ? 'parallelism' : 'processLimit';
  return (
    <>
      {type === 'Execute.Named' && (
        <NameField
          label={t('edit.jobName')}
          value={name}
          taken={job ? namesAt(doc, job.slice(0, -1)) : []}
          error={wrongAt(problems, [...path, 'jobName'])}
          onChange={(to) =>
            act({ what: 'renamed', name: to }, (d) =>
              job ? renameJob(d, job, to) : { text: set(d, [...path, 'jobName'], to) },
            )
          }
        />
      )}
      {!job && <p className="problem-line">{t('edit.noJob', { name })}</p>}
      {job && (
        <>
          <Choose
            label={t('edit.agent')}
            path={at('agentPath')}
            empty={t('edit.chooseAgent')}
            options={agents.map((value) => ({ value, label: value }))}
          />
          <Choose
            label={t('edit.runs')}
            path={at('executable', 'TYPE')}
            options={Object.keys(executables).map((value) => ({ value, label: t(`edit.executable.${value}`) }))}
          />
          {field === 'script' ? (
            <div className="script-field">
              <Field label={t('edit.script')} path={at('executable', 'script')} as="long" keep />
              <Button variant="default" size="xs" onClick={() => setLarge(true)}>
                {t('edit.scriptLarge')}
              </Button>
            </div>
          ) : (
            <Field label={t(`edit.${field}`)} path={at('executable', field)} keep />
          )}
          <Field label={t('edit.processLimit')} path={at(limit)} as="number" empty="1" />
          <Field label={t('edit.timeout')} path={at('timeout')} as="number" empty={t('edit.noLimit')} />
          <Rows
            label={t('edit.env')}
            path={at('executable', 'env')}
            stem="NAME"
            hint={t('edit.expression')}
            place="process"
          />
          <Rows
            label={t('edit.arguments')}
            path={at('defaultArguments')}
            stem="name"
            hint={t('edit.expression')}
            place="process"
          />
          <PathList path={at('jobResourcePaths')} />
          <Check label={t('edit.failOnErrWritten')} path={at('failOnErrWritten')} />
        </>
      )}
      {large && job && (
        <Suspense>
          <ScriptDialog
            title={t('edit.scriptOf', { name: name || typeWord(step, t) })}
            text={fieldAt(doc, at('executable', 'script'))}
            readOnly={frozen}
            onChange={(script) =>
              act({ what: 'set', name: t('edit.script'), of: pointerOf(at('executable', 'script')) }, (d) => ({
                text: set(d, at('executable', 'script'), script),
              }))
            }
            onClose={() => setLarge(false)}
          />
        </Suspense>
      )}
    </>
  );
}

/** Seconds between tries, separated by commas. */
function Delays({ path }: { path: JSONPath }) {
  const { t } = useTranslation();
  const { doc, frozen, problems, act } = useBench();
  const [text, setText] = useState<string>();
  const shown = Array.from({ length: countAt(doc, path) }, (_, i) => fieldAt(doc, [...path, i])).join(', ');
  const wrong = problems.find((p) => p.pointer?.startsWith(pointerOf(path)));
  const done = () => {
    if (text !== undefined && text !== shown) {
      const parts = text.split(/[\s,;]+/).filter(Boolean);
      const list = parts.length > 0 ? new Spelled(`[${parts.map(spelled).join(', ')}]`) : undefined;
      act({ what: 'set', name: t('edit.retryDelays') }, (d) => ({ text: set(d, path, list) }));
    }
    setText(undefined);
  };
  return (
    <TextInput
      label={t('edit.retryDelays')}
      description={t('edit.retryDelaysHint')}
      value={text ?? shown}
      readOnly={frozen}
      error={wrong?.message}
      onChange={(e) => setText(e.currentTarget.value)}
      onBlur={done}
    />
  );
}

/** The conditions of an If, in their order. */
function Conditions({ step }: { step: Step }) {
  const { t } = useTranslation();
  const { doc, frozen, act } = useBench();
  const { path } = step;
  const list = [...path, 'ifThens'];
  const old = !nodeAt(doc, list);
  const count = old ? 1 : countAt(doc, list);
  const hasElse = nodeAt(doc, [...path, 'else']) !== undefined;
  const empty = { predicate: 'true', then: { instructions: [] } };
  return (
    <>
      {Array.from({ length: count }, (_, i) => (
        <div key={i} className="rows-row">
          <ExprField
            place="instruction"
            label={i === 0 ? t('edit.predicate') : t('edit.elseIf', { nr: i + 1 })}
            path={old ? [...path, 'predicate'] : [...list, i, 'predicate']}
            hint={i === 0 ? t('edit.expression') : undefined}
            keep
          />
          {count > 1 && (
            <Trash
              label={t('edit.removeCondition', { nr: i + 1 })}
              onClick={() =>
                act({ what: 'removed', name: t('edit.predicate') }, (d) => ({ text: cut(d, [...list, i]).text }))
              }
            />
          )}
        </div>
      ))}
      {!frozen && (
        <div className="row">
          {!old && (
            <Button
              variant="default"
              size="xs"
              onClick={() =>
                act({ what: 'inserted', name: t('edit.predicate') }, (d) => ({
                  text: put(d, list, count, { value: empty }),
                }))
              }
            >
              {t('edit.addCondition')}
            </Button>
          )}
          <Button
            variant="default"
            size="xs"
            onClick={() =>
              act({ what: hasElse ? 'removed' : 'inserted', name: t('graph.lane.else') }, (d) => ({
                text: set(d, [...path, 'else'], hasElse ? undefined : { instructions: [] }),
              }))
            }
          >
            {t(hasElse ? 'edit.removeElse' : 'edit.addElse')}
          </Button>
        </div>
      )}
    </>
  );
}

/** The branches of a Fork by their ids. */
function Branches({ step }: { step: Step }) {
  const { t } = useTranslation();
  const { doc, frozen, problems, act } = useBench();
  const list = [...step.path, 'branches'];
  const ids = Array.from({ length: countAt(doc, list) }, (_, i) => fieldAt(doc, [...list, i, 'id']));
  return (
    <fieldset className="rows">
      <legend>{t('edit.branches')}</legend>
      {ids.map((id, i) => (
        <div key={i} className="rows-row">
          <NameField
            label={t('edit.branch', { nr: i + 1 })}
            value={id}
            taken={ids}
            error={wrongAt(problems, [...list, i, 'id'])}
            onChange={(to) => act({ what: 'renamed', name: to }, (d) => ({ text: set(d, [...list, i, 'id'], to) }))}
          />
          {ids.length > 1 && (
            <Trash
              label={t('edit.removeBranch', { id })}
              onClick={() => act({ what: 'removed', name: id }, (d) => ({ text: cut(d, [...list, i]).text }))}
            />
          )}
        </div>
      ))}
      {!frozen && (
        <Button
          variant="default"
          size="xs"
          onClick={() => {
            const id = newName('branch', ids);
            const value = { id, workflow: { instructions: [] } };
            act({ what: 'inserted', name: id }, (d) => ({ text: put(d, list, ids.length, { value }) }));
          }}
        >
          {t('edit.addBranch')}
        </Button>
      )}
      <Check label={t('edit.joinIfFailed')} path={[...step.path, 'joinIfFailed']} />
      {ids.map((id, i) => (
        <Rows
          key={i}
          label={t('edit.resultOf', { id })}
          path={[...list, i, 'workflow', 'result']}
          stem="name"
          place="instruction"
        />
      ))}
    </fieldset>
  );
}

const types = ['String', 'Number', 'Boolean', 'Any'];

function WorkflowForm() {
  const { t } = useTranslation();
  const { doc, frozen, act } = useBench();
  const list = ['orderPreparation', 'parameters'];
  const names = namesAt(doc, list);
  return (
    <div className="stack">
      <Field label={t('edit.timeZone')} path={['timeZone']} empty="UTC" />
      <PathList path={['jobResourcePaths']} />
      <fieldset className="rows">
        <legend>{t('edit.parameters')}</legend>
        {names.length > 0 && <p className="caption">{t('edit.parametersHint')}</p>}
        {names.map((name, i) => {
          const type = valueAt(doc, [...list, name, 'type']);
          const final = nodeAt(doc, [...list, name, 'final']) !== undefined;
          return (
            <div key={i} className="rows-row">
              <NameField
                label={t('edit.parameter', { nr: i + 1 })}
                value={name}
                taken={names}
                onChange={(to) =>
                  act({ what: 'renamed', name: to }, (d) => ({ text: renamed(d, [...list, name], to) }))
                }
              />
              {typeof type !== 'object' && (
                <Choose
                  label={t('edit.type')}
                  path={[...list, name, 'type']}
                  empty={t('edit.types.Any')}
                  options={types.map((value) => ({ value, label: t(`edit.types.${value}`) }))}
                />
              )}
              <ExprField
                place="parameter"
                label={t(final ? 'edit.final' : 'edit.default')}
                path={[...list, name, final ? 'final' : 'default']}
                empty={t('edit.required')}
              />
              <Trash
                label={t('edit.rowRemove', { name })}
                onClick={() => act({ what: 'removed', name }, (d) => ({ text: set(d, [...list, name], undefined) }))}
              />
            </div>
          );
        })}
        {!frozen && (
          <Button
            variant="default"
            size="xs"
            onClick={() => {
              const name = newName('parameter', names);
              act({ what: 'inserted', name }, (d) => ({ text: set(d, [...list, name], { type: 'String' }) }));
            }}
          >
            {t('edit.addParameter')}
          </Button>
        )}
      </fieldset>
    </div>
  );
}
