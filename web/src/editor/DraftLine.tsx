import { Button } from '@mantine/core';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { problemText } from '../dialogs/problem';
import { Time } from '../time/Time';
import { Text } from '../view/Name';
import type { Intention } from './history';
import { isRead } from './read';
import type { DraftSession, DraftState } from './session';

interface Props {
  session: DraftSession;
  state: DraftState;
  may: boolean;
  actions: ReactNode;
  onDeploy: () => void;
}

/** How the draft is: when it was saved, what can be undone, and the way to deploy it. */
export function DraftLine({ session, state, may, actions, onDeploy }: Props) {
  const { t } = useTranslation();
  const { history, saving, saved, problems } = state;
  const did = (by: Intention | undefined) => t(`edit.did.${by?.what ?? 'typed'}`, { name: by?.name ?? '' });
  const next = history.future[0];
  return (
    <div className="row draft-line">
      <span className="caption" role="status" aria-label={t('edit.draft')}>
        {saving.kind === 'saved' ? (
          <>
            {t('edit.saved')} <Time at={saved.at} dateless />
          </>
        ) : (
          t(`edit.saving.${saving.kind}`)
        )}
        {problems.length > 0 && `, ${t('edit.problems', { count: problems.length })}`}
      </span>
      {may && (
        <>
          <Button
            variant="default"
            size="xs"
            disabled={history.past.length === 0}
            aria-label={history.past.length > 0 ? t('edit.undoOf', { what: did(history.now.by) }) : t('edit.undo')}
            onClick={() => session.undo()}
          >
            {t('edit.undo')}
          </Button>
          <Button
            variant="default"
            size="xs"
            disabled={!next}
            aria-label={next ? t('edit.redoOf', { what: did(next.by) }) : t('edit.redo')}
            onClick={() => session.redo()}
          >
            {t('edit.redo')}
          </Button>
        </>
      )}
      {actions}
      <Button variant="filled" size="xs" onClick={onDeploy}>
        {t('edit.deploy')}
      </Button>
    </div>
  );
}

/** What stands in the way: somebody else's text, a refusal, a text that can't be read. */
export function Notes({ session, state }: Pick<Props, 'session' | 'state'>) {
  const { t } = useTranslation();
  const { saving, now } = state;
  return (
    <>
      {saving.kind === 'conflict' && (
        <div className="note row" role="alert">
          <span>
            <Text>{t('edit.conflict', { name: saving.theirs.by })}</Text> <Time at={saving.theirs.at} dateless />
          </span>
          <Button variant="default" size="xs" onClick={() => session.settle(false)}>
            {t('edit.takeTheirs')}
          </Button>
          <Button variant="default" size="xs" onClick={() => session.settle(true)}>
            {t('edit.putMine')}
          </Button>
        </div>
      )}
      {saving.kind === 'failed' && (
        <p className="problem-line" role="alert">
          <Text>{problemText(saving.cause, t)}</Text>
        </p>
      )}
      {!isRead(now) && now.why !== 'Yaml' && (
        <p className="problem-line" role="alert">
          {t(`edit.why.${now.why}`, t('edit.why.other'))} {t('edit.unreadable', { line: now.line })}
        </p>
      )}
    </>
  );
}
