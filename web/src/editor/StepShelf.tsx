import type { PointerEvent } from 'react';
import { useTranslation } from 'react-i18next';
import { StepIcon } from '../graph/StepIcon';
import { stepName } from '../graph/words';
import { Text } from '../view/Name';
import { useBench } from './bench';
import { choicesOf, typeOf, type Choice, type Place } from './choices';
import { placeBehind } from './clip';
import { whyNotTo } from './document';

interface Props {
  onGrab: (choice: Choice, e: PointerEvent) => void;
  /** Puts something to where the chosen step is. */
  onPut: (choice: Choice, place: Place) => void;
}

/** All that can be put into the workflow: dragged to a place, or pressed to come behind the chosen step. */
export function StepShelf({ onGrab, onPut }: Props) {
  const { t } = useTranslation();
  const { doc, step } = useBench();
  const place: Place = {
    ...placeBehind(doc, step?.path),
    title: step ? t('edit.insert.after', { name: stepName(step, t) }) : t('edit.insert.last'),
  };
  const all = choicesOf(doc, t);
  const list = (label: string, choices: readonly Choice[]) => (
    <section aria-label={label}>
      <h3>{label}</h3>
      <ul>
        {choices.map((c) => {
          const not = whyNotTo(doc, c, place.sequence, place.index) ? t('edit.drag.retry') : undefined;
          return (
            <li key={c.key}>
              <button
                type="button"
                className="shelf-item"
                title={`${c.text}. ${not ?? place.title}`}
                data-choice={c.key}
                aria-disabled={not !== undefined}
                onPointerDown={(e) => onGrab(c, e)}
                onClick={() => !not && onPut(c, place)}
              >
                <StepIcon type={typeOf(c)} />
                <Text>{c.name}</Text>
              </button>
            </li>
          );
        })}
      </ul>
    </section>
  );
  const jobs = all.filter((c) => c.job !== undefined);
  return (
    <div className="shelf" role="group" aria-label={t('edit.shelf.title')}>
      <p className="caption">{t('edit.shelf.hint')}</p>
      {list(
        t('edit.shelf.instructions'),
        all.filter((c) => c.job === undefined),
      )}
      {jobs.length > 0 && list(t('edit.shelf.jobs'), jobs)}
    </div>
  );
}
