import { Button, Modal, NativeSelect, Textarea, TextInput } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import { useMemo, useState, type FormEvent } from 'react';
import { useTranslation } from 'react-i18next';
import { api, take, type Schemas } from '../api/client';
import '../theme/dialogs.css';
import { stepName } from '../graph/words';
import { useZone } from '../time/Time';
import { Name, Text } from '../view/Name';
import { beginnings, kindOf, readForm, treeOf, type Fields, type Parameter, type Workflow } from './addOrder';
import { problemText } from './problem';
import './dialogs.css';

interface Props {
  workflow: Workflow;
  /** Key of the step to begin at. */
  position?: string | undefined;
  onClose: () => void;
}

/** The form from which orders of a workflow are made, by its parameters. */
export default function AddOrder({ workflow, position, onClose }: Props) {
  const { t } = useTranslation();
  const [added, setAdded] = useState<Schemas['AddOrdersResponse']>();
  const name = workflow.path.split('/').at(-1) ?? workflow.path;
  return (
    <Modal.Root opened onClose={onClose} closeOnClickOutside={false} size={560}>
      <Modal.Overlay />
      <Modal.Content>
        <div className="dialog-head">
          <Modal.Title>
            <Text>{t('addOrder.title', { name })}</Text>
          </Modal.Title>
        </div>
        <Modal.Body>
          {added ? (
            <Added answer={added} onClose={onClose} />
          ) : (
            <Form workflow={workflow} position={position} onAdded={setAdded} onClose={onClose} />
          )}
        </Modal.Body>
      </Modal.Content>
    </Modal.Root>
  );
}

function Form({
  workflow,
  position,
  onAdded,
  onClose,
}: Props & { onAdded: (a: Schemas['AddOrdersResponse']) => void }) {
  const { t } = useTranslation();
  const mine = useZone();
  const tree = useMemo(() => treeOf(workflow), [workflow]);
  const starts = useMemo(() => beginnings(tree), [tree]);
  // The same for each try, so that one whose answer got lost isn't done twice.
  const [requestId] = useState(() => crypto.randomUUID());
  const [f, setFields] = useState<Fields>({
    arguments: new Map(),
    id: '',
    count: '',
    start: 'now',
    at: '',
    zone: tree?.timeZone ?? 'UTC',
    position: position && starts.includes(position) ? position : '',
    keep: false,
    reason: '',
  });
  const [tried, setTried] = useState(false);
  const [problem, setProblem] = useState<unknown>();
  const [busy, setBusy] = useState(false);
  const set = (change: Partial<Fields>) => setFields((old) => ({ ...old, ...change }));
  const { body, problems } = readForm(workflow, f, requestId);
  const wrong = (field: string) => {
    const p = problems.get(field);
    return tried && p ? t(`addOrder.problem.${p}`) : undefined;
  };
  const send = async (e: FormEvent<HTMLFormElement>) => {
    e.preventDefault();
    const form = e.currentTarget;
    setTried(true);
    if (!body) {
      requestAnimationFrame(() => form.querySelector<HTMLElement>('[aria-invalid=true]')?.focus());
      return;
    }
    if (busy) return;
    setBusy(true);
    setProblem(undefined);
    try {
      onAdded(await take(api.POST('/orders', { body })));
    } catch (cause) {
      setProblem(cause);
      setBusy(false);
    }
  };
  const zones = [...new Set([tree?.timeZone ?? 'UTC', mine, 'UTC'])];
  const parameters = workflow.parameters.filter((p) => !p.final);
  return (
    <form
      className="stack"
      noValidate
      onSubmit={(e) => void send(e)}
      onKeyDown={(e) => {
        if (e.key === 'Enter' && (e.ctrlKey || e.metaKey)) e.currentTarget.requestSubmit();
      }}
    >
      {parameters.map((p, i) => (
        <Argument
          key={p.name}
          of={p}
          value={f.arguments.get(p.name) ?? ''}
          error={wrong(`argument ${p.name}`)}
          first={i === 0}
          onChange={(text) => set({ arguments: new Map(f.arguments).set(p.name, text) })}
        />
      ))}
      {parameters.length === 0 && <p className="second">{t('addOrder.noParameters')}</p>}
      <div className="two-fields">
        <TextInput
          label={t('addOrder.id')}
          description={t('addOrder.idHelp')}
          value={f.id}
          onChange={(e) => set({ id: e.currentTarget.value })}
          data-autofocus={parameters.length === 0 || undefined}
        />
        <TextInput
          label={t('addOrder.count')}
          description={t('addOrder.countHelp')}
          inputMode="numeric"
          placeholder="1"
          value={f.count}
          error={wrong('count')}
          onChange={(e) => set({ count: e.currentTarget.value })}
        />
      </div>
      <fieldset className="choice">
        <legend>{t('addOrder.start')}</legend>
        {(['now', 'at'] as const).map((start) => (
          <label key={start}>
            <input type="radio" name="start" checked={f.start === start} onChange={() => set({ start })} />
            {t(`addOrder.${start}`)}
          </label>
        ))}
      </fieldset>
      {f.start === 'at' && (
        <div className="two-fields">
          <TextInput
            type="datetime-local"
            step={1}
            label={t('addOrder.time')}
            value={f.at}
            error={wrong('at')}
            onChange={(e) => set({ at: e.currentTarget.value })}
          />
          <NativeSelect
            label={t('addOrder.zone')}
            value={f.zone}
            data={zones}
            onChange={(e) => set({ zone: e.currentTarget.value })}
          />
        </div>
      )}
      {starts.length > 0 && (
        <NativeSelect
          label={t('addOrder.position')}
          value={f.position}
          onChange={(e) => set({ position: e.currentTarget.value })}
          data={[
            { value: '', label: t('addOrder.first') },
            ...starts.map((key) => {
              const step = tree?.steps.get(key);
              return { value: key, label: `${step ? stepName(step, t) : ''} ${key}` };
            }),
          ]}
        />
      )}
      <label className="check">
        <input type="checkbox" checked={f.keep} onChange={(e) => set({ keep: e.currentTarget.checked })} />
        <span>
          {t('addOrder.keep')}
          <span className="caption">{t('addOrder.keepHelp')}</span>
        </span>
      </label>
      <TextInput
        label={t('dialog.reason')}
        description={t('dialog.optional')}
        maxLength={500}
        value={f.reason}
        onChange={(e) => set({ reason: e.currentTarget.value })}
      />
      {problem !== undefined && (
        <p role="alert" className="problem-line">
          <Text lines>{problemText(problem, t)}</Text>
        </p>
      )}
      <div className="dialog-foot">
        <Button variant="default" onClick={onClose}>
          {t('dialog.back')}
        </Button>
        <Button type="submit" loading={busy}>
          {t('addOrder.submit', { count: Number(f.count) > 1 && body ? Number(f.count) : 1 })}
        </Button>
      </div>
    </form>
  );
}

interface ArgumentProps {
  of: Parameter;
  value: string;
  error: string | undefined;
  first: boolean;
  onChange: (text: string) => void;
}

function Argument({ of: p, value, error, first, onChange }: ArgumentProps) {
  const { t } = useTranslation();
  const kind = kindOf(p);
  const props = {
    label: <Text>{p.name}</Text>,
    description: p.required ? t(`addOrder.kind.${kind}`) : `${t(`addOrder.kind.${kind}`)}, ${t('addOrder.optional')}`,
    error,
    value,
    placeholder: p.default ?? '',
    required: p.required,
    withAsterisk: false,
    onChange: (e: { currentTarget: { value: string } }) => onChange(e.currentTarget.value),
    'data-autofocus': first || undefined,
  };
  if (kind === 'boolean') {
    const none = p.default === undefined ? t('addOrder.notGiven') : t('addOrder.byDefault', { value: p.default });
    const data = [
      { value: '', label: none },
      { value: 'true', label: t('addOrder.true') },
      { value: 'false', label: t('addOrder.false') },
    ];
    return <NativeSelect {...props} data={data} />;
  }
  if (kind === 'json') return <Textarea {...props} rows={3} className="mono" />;
  return <TextInput {...props} inputMode={kind === 'number' ? 'decimal' : 'text'} />;
}

const mostShown = 20;

function Added({ answer, onClose }: { answer: Schemas['AddOrdersResponse']; onClose: () => void }) {
  const { t, i18n } = useTranslation();
  const number = (n: number) => n.toLocaleString(i18n.language);
  return (
    <div className="stack">
      <p role="status">{t('addOrder.added', { count: answer.added, shown: number(answer.added) })}</p>
      {answer.duplicates > 0 && (
        <p>{t('addOrder.duplicates', { count: answer.duplicates, shown: number(answer.duplicates) })}</p>
      )}
      <ul className="added">
        {answer.ids.slice(0, mostShown).map((id) => (
          <li key={id}>
            <Link to="/orders/$id" params={{ id }} onClick={onClose}>
              <Name of={id} />
            </Link>
          </li>
        ))}
      </ul>
      {answer.ids.length > mostShown && (
        <p className="faint">{t('addOrder.more', { count: answer.ids.length - mostShown })}</p>
      )}
      <div className="dialog-foot">
        <Button variant="default" onClick={onClose} data-autofocus>
          {t('dialog.back')}
        </Button>
      </div>
    </div>
  );
}
