import { TextInput } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Confirm } from '../../dialogs/Confirm';
import { emptyWorkflow } from '../../editor/document';
import { createObject } from '../../editor/door';

/** Asks for the path of a new workflow, makes its draft, and opens it. */
export function CreateDialog({ folder, onClose }: { folder: string | undefined; onClose: () => void }) {
  const { t } = useTranslation();
  const queries = useQueryClient();
  const navigate = useNavigate({ from: '/inventory' });
  const [path, setPath] = useState(folder ? `${folder}/` : '');
  return (
    <Confirm
      question={t('inventory.create')}
      verb={t('inventory.create')}
      reason="none"
      act={async () => {
        await createObject('Workflow', path.trim(), emptyWorkflow);
        void queries.invalidateQueries({ queryKey: ['inventory'] });
        await navigate({ search: { kind: 'Workflow', path: path.trim() } });
      }}
      onClose={onClose}
    >
      <TextInput
        label={t('inventory.path')}
        description={t('inventory.pathHint')}
        value={path}
        onChange={(e) => setPath(e.currentTarget.value)}
        required
        withAsterisk={false}
        maxLength={1000}
        autoComplete="off"
        spellCheck={false}
        data-autofocus
      />
    </Confirm>
  );
}
