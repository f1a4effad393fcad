import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, take } from '../../api/client';
import { Confirm } from '../../dialogs/Confirm';
import { Name, Text } from '../../view/Name';
import { Shown, Skeleton } from '../../view/View';

/** Says what it means that a deployment comes again, and does it. */
export function RedeployDialog({ id, onClose }: { id: number; onClose: () => void }) {
  const { t } = useTranslation();
  const queries = useQueryClient();
  const navigate = useNavigate();
  // What was answered before may be of what was deployed then.
  const [opened] = useState(() => Date.now());
  const [requestId] = useState(() => crypto.randomUUID());
  const params = { path: { id } };
  const plan = useQuery({
    queryKey: ['items', 'redeploy', id, opened],
    queryFn: () => take(api.POST('/deployments/{id}/redeploy', { params, body: { dryRun: true } })),
    gcTime: 0,
    retry: false,
  });
  return (
    <Confirm
      question={t('deployments.redeployAsk', { id })}
      consequences={plan.data ? [t(`deployments.signed.${plan.data.signed}`), t('deployments.redeployWill')] : []}
      verb={t('deployments.redeploy')}
      reason="required"
      act={async (reason) => {
        const body = { requestId, ...(reason && { reason }) };
        const out = await take(api.POST('/deployments/{id}/redeploy', { params, body }));
        for (const of of ['items', 'inventory']) void queries.invalidateQueries({ queryKey: [of] });
        if (out.deployment) await navigate({ to: '/deployments/$id', params: { id: String(out.deployment) } });
      }}
      onClose={onClose}
    >
      <Shown query={plan} skeleton={<Skeleton rows={2} />}>
        {(p) => (
          <>
            {p.deploys.length > 0 ? (
              <ul className="stack-small added" aria-label={t('deployments.comesAgain')} tabIndex={0}>
                {p.deploys.map((o) => (
                  <li key={`${o.kind}:${o.path}`}>
                    <Name of={o.path} /> <span className="caption">{t(`edit.kinds.${o.kind}`, o.kind)}</span>
                  </li>
                ))}
              </ul>
            ) : (
              <p className="second">{t('deployments.allSame')}</p>
            )}
            {p.deploys.length > 0 && p.unchanged.length > 0 && (
              <p className="second">{t('edit.unchanged', { count: p.unchanged.length })}</p>
            )}
            {p.problems.map((x, i) => (
              <p key={i} className="problem-line">
                <Text>{[x.where, x.message].filter(Boolean).join(': ')}</Text>
              </p>
            ))}
            {p.problems.length > 0 && <p className="second">{t('deployments.instead')}</p>}
          </>
        )}
      </Shown>
    </Confirm>
  );
}
