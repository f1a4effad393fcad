import { Modal, TextInput } from '@mantine/core';
import type { JSONPath } from 'jsonc-parser';
import { useId, useState, type KeyboardEvent } from 'react';
import { useTranslation } from 'react-i18next';
import '../theme/dialogs.css';
import { StepIcon } from '../graph/StepIcon';
import { Text } from '../view/Name';
import { useBench } from './bench';
import { insert, kinds, takesRetry, type Kind } from './document';
import { focusSoon, focusStep } from './focus';
import { namesAt, pointerOf } from './read';

/** A place in a workflow to which a step can be put. */
export interface Place {
  sequence: JSONPath;
  index: number;
  /** What the dialog is called: "Insert after LOAD". */
  title: string;
}

interface Choice {
  key: string;
  kind: Kind;
  job?: string;
  name: string;
  text: string;
}

/** Asks what to put there: an instruction, or a job that the workflow has already. */
export function InsertDialog({ place, onClose }: { place: Place; onClose: () => void }) {
  const { t } = useTranslation();
  const { doc, agents, act } = useBench();
  const list = useId();
  const [find, setFind] = useState('');
  const [at, setAt] = useState(0);
  const [opener] = useState(() => document.activeElement);
  const close = () => {
    onClose();
    focusSoon(() => (opener instanceof HTMLElement && opener.isConnected ? opener : undefined));
  };
  const all: Choice[] = [
    ...kinds
      .filter((kind) => kind !== 'Retry' || takesRetry(place.sequence))
      .map((kind) => ({ key: kind, kind, name: t(`edit.kind.${kind}`), text: t(`edit.kindText.${kind}`) })),
    ...namesAt(doc, ['jobs']).map((job) => ({
      key: `job ${job}`,
      kind: 'Job' as const,
      job,
      name: job,
      text: t('edit.insert.job'),
    })),
  ];
  const wanted = find.trim().toLowerCase();
  const hits = all
    .filter((c) => `${c.name} ${c.text} ${c.kind}`.toLowerCase().includes(wanted))
    // Names before explanations.
    .sort((a, b) => Number(b.name.toLowerCase().startsWith(wanted)) - Number(a.name.toLowerCase().startsWith(wanted)));
  const current = hits[Math.min(at, hits.length - 1)];
  const take = (c: Choice) => {
    act({ what: 'inserted', name: c.name }, (d) =>
      insert(d, place.sequence, place.index, { kind: c.kind, job: c.job, agent: agents[0] }),
    );
    onClose();
    focusStep(pointerOf([...place.sequence, place.index]));
  };
  const press = (e: KeyboardEvent) => {
    if (e.key === 'ArrowDown') setAt(Math.min(at + 1, hits.length - 1));
    else if (e.key === 'ArrowUp') setAt(Math.max(at - 1, 0));
    else if (e.key === 'Enter' && current) take(current);
    else return;
    e.preventDefault();
  };
  return (
    <Modal
      opened
      onClose={close}
      returnFocus={false}
      title={place.title}
      closeButtonProps={{ 'aria-label': t('dialog.back') }}
    >
      <TextInput
        label={t('edit.insert.find')}
        role="combobox"
        aria-expanded
        aria-controls={list}
        aria-activedescendant={current ? `${list}-${current.key}` : undefined}
        value={find}
        onChange={(e) => {
          setFind(e.currentTarget.value);
          setAt(0);
        }}
        onKeyDown={press}
        data-autofocus
      />
      <ul className="choices" role="listbox" id={list} aria-label={place.title}>
        {hits.map((c) => (
          <li
            key={c.key}
            id={`${list}-${c.key}`}
            role="option"
            aria-selected={c === current}
            className="choice"
            onClick={() => take(c)}
          >
            <StepIcon type={c.kind === 'Job' ? 'Execute.Named' : c.kind} />
            <span>
              <Text>{c.name}</Text>
              <span className="caption"> {c.text}</span>
            </span>
          </li>
        ))}
      </ul>
      {hits.length === 0 && <p className="faint">{t('edit.insert.none')}</p>}
    </Modal>
  );
}
