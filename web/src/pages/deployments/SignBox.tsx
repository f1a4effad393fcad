import { Button } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, Problem, take, type Schemas } from '../../api/client';
import { Refused } from '../../editor/Refused';
import { OtherWays, usePasskeys } from '../../editor/Touch';
import { touch } from '../../passkey/passkey';
import { useSession } from '../../session/session';
import { Text } from '../../view/Name';

interface Props {
  kept: Schemas['KeptRelease'];
  /** Why the account can't do it. */
  not: string | undefined;
  /** How much was looked at. */
  looked: string;
}

/** Signs a release by a touch, and deploys it when the signatures suffice. */
export function SignBox({ kept, not, looked }: Props) {
  const { t } = useTranslation();
  const queries = useQueryClient();
  const navigate = useNavigate();
  const session = useSession();
  const me = session.kind === 'open' ? session.me.account : '';
  const passkeys = usePasskeys(true).data;
  const [only, setOnly] = useState(false);
  const [busy, setBusy] = useState<'sign' | 'deploy'>();
  const [refusal, setRefusal] = useState<unknown>();
  const [wants, setWants] = useState<Problem>();
  // A repetition of the same act is the same command.
  const requestId = useRef(crypto.randomUUID());
  const params = { path: { id: kept.id } };
  const signed = kept.signatures.some((s) => s.account === me);
  const attempt = async (what: 'sign' | 'deploy', act: () => Promise<void>) => {
    if (busy) return;
    setBusy(what);
    setRefusal(undefined);
    setWants(undefined);
    try {
      await act();
    } catch (cause) {
      setRefusal(cause instanceof DOMException ? new Error(t('release.untouched')) : cause);
    }
    setBusy(undefined);
  };
  const deploy = async (): Promise<void> => {
    const body = { requestId: requestId.current };
    const done = await take(api.POST('/releases/{id}/deploy', { params, body }));
    for (const of of ['items', 'inventory', 'audit']) void queries.invalidateQueries({ queryKey: [of] });
    await (done.deployment
      ? navigate({ to: '/deployments/$id', params: { id: String(done.deployment) } })
      : navigate({ to: '/deployments' }));
  };
  const sign = async (): Promise<void> => {
    if (!kept.release) return;
    const evidence = await touch(kept.release.document, passkeys ?? []);
    await take(api.POST('/releases/{id}/signatures', { params, body: { evidence } }));
    await queries.invalidateQueries({ queryKey: ['audit', 'releases'] });
    if (only) return;
    try {
      await deploy();
    } catch (cause) {
      // The signature stays; a trust policy may want more of them.
      if (!(cause instanceof Problem && cause.kind === 'untrusted')) throw cause;
      setWants(cause);
    }
  };
  if (not !== undefined) return <p className="note">{not}</p>;
  return (
    <section className="card stack-small" aria-label={t('touch.sign')}>
      {passkeys?.length === 0 ? (
        <OtherWays none />
      ) : (
        <>
          <p className="second">
            {looked} {t('touch.cannotShow')}
          </p>
          {kept.author === me && <p className="second">{t('release.own')}</p>}
          <label className="check">
            <input type="checkbox" checked={only} onChange={(e) => setOnly(e.currentTarget.checked)} />
            {t('release.only')}
          </label>
        </>
      )}
      {wants && (
        <div role="status" className="release-wants stack-small">
          <p>{t('release.wants')}</p>
          <ul className="stack-small">
            {(wants.problems.length > 0 ? wants.problems : [wants]).map((p, i) => (
              <li key={i}>
                <Text>{p.message}</Text>
              </li>
            ))}
          </ul>
          <p className="second">
            {t('release.tellOthers')} <span className="faint">{wants.code}</span>
          </p>
        </div>
      )}
      {refusal !== undefined && <Refused cause={refusal} />}
      <div className="row">
        {passkeys !== undefined && passkeys.length > 0 && (
          <Button
            variant={signed ? 'default' : 'filled'}
            size="sm"
            loading={busy === 'sign'}
            disabled={busy === 'deploy'}
            onClick={() => void attempt('sign', sign)}
          >
            {t(signed ? 'release.signAgain' : 'touch.sign')}
          </Button>
        )}
        {kept.signatures.length > 0 && (
          <Button
            variant={signed ? 'filled' : 'default'}
            size="sm"
            loading={busy === 'deploy'}
            disabled={busy === 'sign'}
            onClick={() => void attempt('deploy', deploy)}
          >
            {t('edit.deployOf', { count: kept.objects })}
          </Button>
        )}
      </div>
    </section>
  );
}
