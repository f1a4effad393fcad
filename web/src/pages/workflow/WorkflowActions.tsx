import { useQueryClient } from '@tanstack/react-query';
import { lazy, Suspense, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, take, type Schemas } from '../../api/client';
import { Act } from '../../dialogs/Act';
import { Confirm } from '../../dialogs/Confirm';
import { useWhyNot } from '../../dialogs/whyNot';

const AddOrder = lazy(() => import('../../dialogs/AddOrder'));

/** What can be done with the workflow as a whole. */
export function WorkflowActions({ workflow }: { workflow: Schemas['Workflow'] }) {
  const { t } = useTranslation();
  const queries = useQueryClient();
  const notControl = useWhyNot('workflows:control');
  const notOrders = useWhyNot('orders:manage');
  const [asks, setAsks] = useState<'suspend' | 'add'>();
  const { path, suspended } = workflow;
  const name = path.split('/').at(-1) ?? path;
  const verb = suspended ? 'resume' : 'suspend';
  return (
    <>
      <Act not={notControl} size="sm" onClick={() => setAsks('suspend')}>
        {t(`workflow.${verb}`)}
      </Act>
      <Act not={notOrders} size="sm" variant="filled" onClick={() => setAsks('add')}>
        {t('order.add')}
      </Act>
      {asks === 'suspend' && (
        <Confirm
          question={t(`workflow.${verb}Ask`, { name })}
          consequences={[t(`workflow.${verb}Will`), t(`workflow.${verb}Back`)]}
          verb={t(`workflow.${verb}`)}
          act={async (reason) => {
            const body = { path, suspend: !suspended, ...(reason !== undefined && { reason }) };
            await take(api.POST('/workflows/control', { body }));
            void queries.invalidateQueries({ queryKey: ['workflow', path] });
          }}
          onClose={() => setAsks(undefined)}
        />
      )}
      {asks === 'add' && (
        <Suspense>
          <AddOrder workflow={workflow} onClose={() => setAsks(undefined)} />
        </Suspense>
      )}
    </>
  );
}
