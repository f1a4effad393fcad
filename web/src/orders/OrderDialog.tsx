import { Button, Checkbox } from '@mantine/core';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import '@mantine/core/styles/Checkbox.css';
import '@mantine/core/styles/InlineInput.css';
import { Confirm } from '../dialogs/Confirm';
import { problemText } from '../dialogs/problem';
import { Name, Text } from '../view/Name';
import { carryOut, carryOutEach, dangerous, type OrderAction, type Result } from './actions';

interface Props {
  action: OrderAction;
  ids: readonly string[];
  onClose: (done: boolean) => void;
}

/** Asks before orders are dealt with; of many it tells what came of each. */
export function OrderDialog({ action, ids, onClose }: Props) {
  const { t } = useTranslation();
  const [kill, setKill] = useState(false);
  const [results, setResults] = useState<readonly Result[]>();
  const many = ids.length > 1;
  const name = many ? t('act.many', { count: ids.length }) : t('act.one', { id: ids[0] });
  const act = async (reason: string | undefined) => {
    if (!many) {
      await carryOut(action, [...ids], { reason, kill });
      onClose(true);
      return;
    }
    setResults([]);
    await carryOutEach(action, ids, { reason, kill }, (r) => setResults((all) => [...(all ?? []), r]));
  };
  if (results) return <Outcome all={ids.length} results={results} onClose={() => onClose(true)} />;
  return (
    <Confirm
      question={t(`act.${action}.question`, { name })}
      consequences={t(`act.${action}.consequences`, { returnObjects: true }) as string[]}
      verb={t(`act.${action}.verb`, { count: ids.length })}
      danger={dangerous.has(action)}
      reason={dangerous.has(action) ? 'required' : 'optional'}
      {...(ids.length > 100 ? { typed: String(ids.length) } : {})}
      act={act}
      onClose={() => onClose(false)}
    >
      {(action === 'cancel' || action === 'suspend') && (
        <Checkbox label={t('act.endProcess')} checked={kill} onChange={(e) => setKill(e.currentTarget.checked)} />
      )}
    </Confirm>
  );
}

function Outcome({ all, results, onClose }: { all: number; results: readonly Result[]; onClose: () => void }) {
  const { t } = useTranslation();
  const refused = results.filter((r) => r.problem !== undefined);
  const done = results.length - refused.length;
  return (
    <div className="outcome card" role="status">
      <p>
        <progress value={results.length} max={all} aria-label={t('act.progress')} />{' '}
        {t('act.sum', { done, refused: refused.length, open: all - results.length })}
      </p>
      {refused.length > 0 && (
        <ul className="outcome-list" aria-label={t('act.refused')}>
          {refused.slice(0, 200).map((r) => (
            <li key={r.id}>
              <Name of={r.id} /> <Text>{problemText(r.problem, t)}</Text>
            </li>
          ))}
        </ul>
      )}
      {results.length === all && (
        <Button variant="default" size="xs" onClick={onClose}>
          {t('frame.dismiss')}
        </Button>
      )}
    </div>
  );
}
