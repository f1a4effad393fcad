import { Button } from '@mantine/core';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, take, type Schemas } from '../../api/client';
import { Confirm } from '../../dialogs/Confirm';
import { problemText } from '../../dialogs/problem';
import { Time } from '../../time/Time';
import { Name, Text } from '../../view/Name';
import { Empty, Shown } from '../../view/View';

/** What was deleted: it can be taken back, or deleted for good. */
export function Trash({ may }: { may: boolean }) {
  const { t } = useTranslation();
  const queries = useQueryClient();
  const [purges, setPurges] = useState<Schemas['InventorySummary']>();
  const [refusal, setRefusal] = useState<unknown>();
  const query = useQuery({
    queryKey: ['inventory', 'trash'],
    queryFn: () => take(api.GET('/inventory/trash', { params: { query: { limit: 500 } } })),
  });
  const again = () => queries.invalidateQueries({ queryKey: ['inventory'] });
  const restore = async ({ kind, path }: Schemas['InventorySummary']) => {
    setRefusal(undefined);
    try {
      await take(api.POST('/inventory/restore', { body: { kind, path } }));
      await again();
    } catch (cause) {
      setRefusal(cause);
    }
  };
  return (
    <div className="inventory-list">
      {refusal !== undefined && (
        <p role="alert" className="problem-line">
          <Text>{problemText(refusal, t)}</Text>
        </p>
      )}
      <Shown query={query}>
        {({ objects }) =>
          objects.length === 0 ? (
            <Empty title={t('inventory.trashEmpty')}>{t('inventory.trashText')}</Empty>
          ) : (
            <table className="plain-table" aria-label={t('inventory.trash')}>
              <thead>
                <tr>
                  <th>{t('inventory.name')}</th>
                  <th className="wide-cell">{t('inventory.kind')}</th>
                  <th>{t('inventory.deleted')}</th>
                  <th />
                </tr>
              </thead>
              <tbody>
                {objects.map((o) => (
                  <tr key={`${o.kind} ${o.path}`} data-testid="row" data-key={`${o.kind}:${o.path}`}>
                    <td>
                      <Name of={o.path} />
                    </td>
                    <td className="wide-cell second">{t(`edit.kinds.${o.kind}`, o.kind)}</td>
                    <td className="second">
                      <Time at={o.trashedAt ?? o.changedAt} />
                    </td>
                    <td>
                      {may && (
                        <div className="row">
                          <Button variant="default" size="xs" onClick={() => void restore(o)}>
                            {t('inventory.restore')}
                          </Button>
                          <Button variant="default" size="xs" onClick={() => setPurges(o)}>
                            {t('inventory.purge')}
                          </Button>
                        </div>
                      )}
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          )
        }
      </Shown>
      {purges && (
        <Confirm
          question={t('inventory.purgeAsk', { name: purges.path })}
          consequences={[t('inventory.purgeWill')]}
          verb={t('inventory.purge')}
          danger
          typed={purges.path}
          act={async (reason) => {
            const body = { kind: purges.kind, path: purges.path, ...(reason !== undefined && { reason }) };
            await take(api.POST('/inventory/purge', { body }));
            await again();
          }}
          onClose={() => setPurges(undefined)}
        />
      )}
    </div>
  );
}
