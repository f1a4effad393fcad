import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, take } from '../api/client';
import { problemText } from '../dialogs/problem';
import type { DraftSession, DraftState, Format } from './session';

const formats: readonly Format[] = ['json', 'yaml'];

interface Props {
  session: DraftSession;
  state: DraftState;
  may: boolean;
  onRefused: (why: string) => void;
}

/** In which format the draft is written. Another one is one step of undo; JSON has no place for comments. */
export function FormatChoice({ session, state, may, onRefused }: Props) {
  const { t } = useTranslation();
  const [lost, setLost] = useState(false);
  const turn = async (to: Format) => {
    const { text } = session;
    const { format } = session.get();
    if (to === format) return;
    try {
      const made = await take(api.POST('/inventory/convert', { body: { text, format, to } }));
      // What was typed meanwhile isn't in it.
      if (session.text !== text) return;
      session.convert(made.text, to);
      setLost(made.lossy);
    } catch (cause) {
      onRefused(problemText(cause, t));
    }
  };
  return (
    <>
      {lost && state.format === 'json' && (
        <span className="caption" role="status">
          {t('edit.commentsLost')}
        </span>
      )}
      <span className="row" role="radiogroup" aria-label={t('edit.format')} title={t('edit.formatHint')}>
        {formats.map((f) => (
          <label key={f} className="check">
            <input
              type="radio"
              name="format"
              checked={state.format === f}
              disabled={!may}
              onChange={() => void turn(f)}
            />
            {f.toUpperCase()}
          </label>
        ))}
      </span>
    </>
  );
}
