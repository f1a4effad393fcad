import { Checkbox, Select } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import '@mantine/core/styles/Checkbox.css';
import '@mantine/core/styles/InlineInput.css';
import '@mantine/core/styles/Combobox.css';
import '@mantine/core/styles/ScrollArea.css';
import { api, take } from '../api/client';
import { Confirm } from '../dialogs/Confirm';
import { keyOf, normal, positionOf, type Position } from '../graph/position';
import { readTree } from '../graph/tree';
import { stepName } from '../graph/words';
import { carryOut } from './actions';
import { reachable } from './reachable';

interface Props {
  id: string;
  workflow: { path: string; versionId: string };
  position: Position;
  onClose: () => void;
}

/** Asks where an order goes on, and resumes it there. */
export function ResumeDialog({ id, workflow, position, onClose }: Props) {
  const { t } = useTranslation();
  const [at, setAt] = useState<string | null>('');
  const [asSucceeded, setAsSucceeded] = useState(true);
  const document = useQuery({
    queryKey: ['workflow', workflow.path, 'document', workflow.versionId],
    queryFn: () => take(api.GET('/workflow', { params: { query: workflow } })),
    staleTime: Infinity,
  });
  const steps = useMemo(() => {
    if (!document.data) return [];
    const tree = readTree(document.data.document);
    return reachable(tree, position).map(({ step, depth, isEnd }) => ({
      value: step.key,
      label: isEnd ? t('act.resume.end') : '\u2003'.repeat(depth) + stepName(step, t),
    }));
  }, [document.data, position, t]);
  const here = keyOf(normal(position));
  const act = (reason: string | undefined) => {
    const chosen = positionOf(at ?? '');
    return carryOut('resume', [id], { reason, ...(chosen ? { position: [...chosen], asSucceeded } : {}) });
  };
  return (
    <Confirm
      question={t('act.resume.question', { name: t('act.one', { id }) })}
      consequences={[t(at ? 'act.resume.there' : 'act.resume.here')]}
      verb={t('act.resume.verb', { count: 1 })}
      act={act}
      onClose={onClose}
    >
      <Select
        label={t('act.resume.at')}
        data={[{ value: '', label: t('act.resume.stands') }, ...steps.filter((s) => s.value !== here)]}
        value={at}
        onChange={setAt}
        allowDeselect={false}
        searchable={steps.length > 12}
        comboboxProps={{ withinPortal: true }}
      />
      {at && (
        <Checkbox
          label={t('act.resume.asSucceeded')}
          description={t('act.resume.asSucceededHelp')}
          checked={asSucceeded}
          onChange={(e) => setAsSucceeded(e.currentTarget.checked)}
        />
      )}
    </Confirm>
  );
}
