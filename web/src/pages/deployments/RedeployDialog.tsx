import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, take, type Schemas } from '../../api/client';
import { Confirm } from '../../dialogs/Confirm';
import { makeRelease } from '../../editor/Touch';
import { Name, Text } from '../../view/Name';
import { Shown, Skeleton } from '../../view/View';

interface Props {
  id: number;
  controller: string;
  /** What it did. */
  objects: readonly Schemas['DeploymentObject'][];
  onClose: () => void;
}

/** Says what it means that a deployment comes again, and does it. */
export function RedeployDialog({ id, controller, objects, onClose }: Props) {
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
  // Where signatures of then don't count any more, and none is made here, the old texts
  // come as a new release, which is signed.
  const again = plan.data?.signed === 'before' && plan.data.problems.length > 0 ? plan.data.deploys : [];
  const texts = again.flatMap(({ kind, path }) => {
    const version = objects.find((o) => o.kind === kind && o.path === path)?.version;
    return version ? [{ kind, path, version }] : [];
  });
  const anew = texts.length > 0 && texts.length === again.length;
  const how = anew ? 'anew' : plan.data?.signed;
  return (
    <Confirm
      question={t('deployments.redeployAsk', { id })}
      consequences={how ? [t(`deployments.signed.${how}`), t('deployments.redeployWill')] : []}
      verb={t(anew ? 'touch.prepare' : 'deployments.redeploy')}
      reason="required"
      act={async (reason) => {
        if (anew) {
          const made = await makeRelease(texts, reason ?? '', controller);
          await navigate({ to: '/deployments/releases/$id', params: { id: String(made.id) } });
          return;
        }
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
            {p.problems.length > 0 && !anew && <p className="second">{t('deployments.instead')}</p>}
          </>
        )}
      </Shown>
    </Confirm>
  );
}
