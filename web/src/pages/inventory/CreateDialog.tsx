import { TextInput } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Confirm } from '../../dialogs/Confirm';
import { emptyTexts } from '../../editor/document';
import { createObject } from '../../editor/door';

interface Props {
  kind: string;
  folder: string | undefined;
  onClose: () => void;
}

/** Asks for the path of a new object, makes its draft, and opens it. */
export function CreateDialog({ kind, folder, onClose }: Props) {
  const { t } = useTranslation();
  const queries = useQueryClient();
  const navigate = useNavigate({ from: '/inventory' });
  const [path, setPath] = useState(folder && kind !== 'AgentRef' ? `${folder}/` : '');
  return (
    <Confirm
      question={t(`inventory.createOf.${kind}`)}
      verb={t(`inventory.createOf.${kind}`)}
      reason="none"
      act={async () => {
        await createObject(kind, path.trim(), emptyTexts[kind] ?? '{}\n');
        void queries.invalidateQueries({ queryKey: ['inventory'] });
        await navigate({ search: { kind, path: path.trim() } });
      }}
      onClose={onClose}
    >
      <TextInput
        label={t(kind === 'AgentRef' ? 'inventory.agentName' : 'inventory.path')}
        description={t(kind === 'AgentRef' ? 'inventory.agentHint' : 'inventory.pathHint')}
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
