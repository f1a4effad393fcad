import { Modal, TextInput } from '@mantine/core';
import { useId, useState, type KeyboardEvent } from 'react';
import { useTranslation } from 'react-i18next';
import '../theme/dialogs.css';
import { StepIcon } from '../graph/StepIcon';
import { Text } from '../view/Name';
import { useBench } from './bench';
import { choicesOf, typeOf, type Choice, type Place } from './choices';
import { insert, whyNotTo } from './document';
import { focusSoon, focusStep } from './focus';
import { pointerOf } from './read';

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
  const all = choicesOf(doc, t).filter((c) => !whyNotTo(doc, c, place.sequence, place.index));
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
            <StepIcon type={typeOf(c)} />
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
