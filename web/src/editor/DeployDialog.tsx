import { Button, Modal, TextInput } from '@mantine/core';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useState, type FormEvent } from 'react';
import { useTranslation } from 'react-i18next';
import '../theme/dialogs.css';
import { api, take, type Schemas } from '../api/client';
import { Mismatch } from '../passkey/passkey';
import { useMethods } from '../session/LoginPage';
import { Icon } from '../state/Icon';
import { Name, Text } from '../view/Name';
import { Skeleton } from '../view/View';
import { Changes } from './Changes';
import { Refused } from './Refused';
import { makeRelease, OtherWays, usePasskeys } from './Touch';

type Key = Schemas['ObjectKey'];

interface Props {
  objects: readonly Key[];
  /** What has to be done before: saving. */
  before?: () => Promise<void>;
  /** Why nothing can be deployed. */
  blocked?: string | undefined;
  onDone: () => Promise<void>;
  onClose: () => void;
}

const idsOf = (k: Key) => ({ kind: k.kind, path: k.path });
const idOf = (k: Key) => `${k.kind}:${k.path}`;

/** Says what a deployment will do and what it needs, does it, and says what has come of it. */
export function DeployDialog({ objects, before, blocked, onDone, onClose }: Props) {
  const { t } = useTranslation();
  const queries = useQueryClient();
  const [chosen, setChosen] = useState<readonly Key[]>(objects);
  const [offered, setOffered] = useState<readonly Key[]>(objects);
  const [reason, setReason] = useState('');
  const [busy, setBusy] = useState(false);
  const [refusal, setRefusal] = useState<unknown>();
  const [result, setResult] = useState<Schemas['DraftDeployment']>();
  const level = useMethods().data?.securityLevel ?? 'low';
  const high = level === 'high';
  const passkeys = usePasskeys(high).data;
  const navigate = useNavigate();
  // When the dialog opened: what was answered before that may be of an older draft.
  const [opened] = useState(() => Date.now());
  const plan = useQuery({
    queryKey: ['inventory', 'plan', opened, chosen.map(idOf)],
    queryFn: async () => {
      await before?.();
      return take(api.POST('/inventory/deploy', { body: { objects: [...chosen], dryRun: true } }));
    },
    enabled: chosen.length > 0 && !result,
    gcTime: 0,
    retry: false,
  });
  const wrong = plan.data?.deploys.reduce((n, d) => n + d.problems.length, 0) ?? 0;
  const not = blocked ?? (wrong > 0 ? t('edit.problems', { count: wrong }) : undefined);
  const attempt = async (act: () => Promise<void>) => {
    if (busy) return;
    setBusy(true);
    setRefusal(undefined);
    try {
      await act();
    } catch (cause) {
      setRefusal(cause instanceof Mismatch ? new Error(t('touch.mismatch')) : cause);
    }
    setBusy(false);
  };
  const deploy = async () => {
    const body = { objects: [...chosen], ...(reason.trim() && { reason: reason.trim() }) };
    setResult(await take(api.POST('/inventory/deploy', { body })));
    void queries.invalidateQueries({ queryKey: ['inventory'] });
    void queries.invalidateQueries({ queryKey: ['items'] });
    await onDone();
  };
  // It goes on where the release has an address: others may have to sign it, too.
  const make = async () => {
    const { id } = await makeRelease(chosen, reason.trim());
    await navigate({ to: '/deployments/releases/$id', params: { id: String(id) } });
  };
  const send = (e: FormEvent) => {
    e.preventDefault();
    void attempt(high ? make : deploy);
  };
  const add = (k: Key) => {
    setOffered([...offered, { kind: k.kind, path: k.path }]);
    setChosen([...chosen, { kind: k.kind, path: k.path }]);
  };
  const title = t('edit.deployOf', { count: chosen.length });
  return (
    <Modal opened onClose={onClose} title={title} size="lg" closeButtonProps={{ 'aria-label': t('dialog.back') }}>
      <form className="stack" onSubmit={send}>
        {result ? (
          <Result result={result} />
        ) : (
          <>
            <ul className="stack-small" aria-label={t('edit.release')}>
              {offered.map((k) => {
                const d = plan.data?.deploys.find((x) => idOf(x) === idOf(k));
                return (
                  <li key={idOf(k)}>
                    <label className="check">
                      <input
                        type="checkbox"
                        checked={chosen.some((c) => idOf(c) === idOf(k))}
                        onChange={(e) =>
                          setChosen(
                            e.currentTarget.checked ? [...chosen, k] : chosen.filter((c) => idOf(c) !== idOf(k)),
                          )
                        }
                      />
                      <Name of={k.path} /> <span className="caption">{t(`edit.kinds.${k.kind}`, k.kind)}</span>
                      {d && <span className="second">{t(`edit.change.${d.change}`, d.change)}</span>}
                    </label>
                    {d && d.change !== 'new' && <Changes {...idsOf(k)} opened={opened} open={offered.length <= 3} />}
                    {d?.problems.map((p, i) => (
                      <p key={i} className="problem-line">
                        <Text>{p.message}</Text>
                      </p>
                    ))}
                  </li>
                );
              })}
            </ul>
            {plan.isPending && chosen.length > 0 && <Skeleton rows={2} />}
            {plan.isError && <Refused cause={plan.error} />}
            {plan.data && <Plan plan={plan.data} onAdd={add} />}
            <TextInput
              label={t('dialog.reason')}
              description={t(high ? 'dialog.required' : 'dialog.optional')}
              required={high}
              withAsterisk={false}
              value={reason}
              onChange={(e) => setReason(e.currentTarget.value)}
              maxLength={500}
              data-autofocus
            />
            {high && <OtherWays none={passkeys?.length === 0} />}
            {!high && <p className="caption">{t(`edit.signed_${level}`)}</p>}
          </>
        )}
        {refusal !== undefined && <Refused cause={refusal} />}
        <div className="dialog-foot">
          {not !== undefined && !result && <span className="second">{not}</span>}
          <Button variant="default" onClick={onClose}>
            {t('dialog.back')}
          </Button>
          {!result && (
            <Button
              type="submit"
              variant="filled"
              loading={busy}
              disabled={not !== undefined || chosen.length === 0 || !plan.data || (high && !reason.trim())}
            >
              {high ? t('touch.prepare') : title}
            </Button>
          )}
        </div>
      </form>
    </Modal>
  );
}

/** What the deployment touches besides the objects themselves. */
function Plan({ plan, onAdd }: { plan: Schemas['DraftDeployment']; onAdd: (k: Key) => void }) {
  const { t } = useTranslation();
  return (
    <>
      {plan.needs.map((n) => (
        <p key={idOf(n)} className="note row">
          <span>
            <Text>{t(n.state ? 'edit.needs' : 'edit.needsNone', { name: n.path, by: n.by })}</Text>
          </span>
          {n.state && (
            <Button variant="default" size="xs" onClick={() => onAdd(n)}>
              {t('edit.alsoDeploy', { name: n.path })}
            </Button>
          )}
        </p>
      ))}
      {plan.withdraws.map((w) => (
        <p key={idOf(w)} className="second">
          <Text>{t('edit.withdraws', { name: w.path })}</Text>
        </p>
      ))}
      {plan.unchanged.length > 0 && <p className="second">{t('edit.unchanged', { count: plan.unchanged.length })}</p>}
      {plan.users.length > 0 && (
        <details className="changes">
          <summary>{t('edit.users', { count: plan.users.length })}</summary>
          <ul className="said" aria-label={t('edit.usersList')}>
            {plan.users.map((u, i) => (
              <li key={i}>
                <Text>{t('edit.userOf', { name: u.path, by: u.by })}</Text>
              </li>
            ))}
          </ul>
        </details>
      )}
      {plan.orders.map((o) => (
        <p key={o.workflow + o.versionId} className="second">
          <Text>{t('edit.running', { count: o.orders, name: o.workflow })}</Text>
        </p>
      ))}
    </>
  );
}

function Result({ result }: { result: Schemas['DraftDeployment'] }) {
  const { t } = useTranslation();
  return (
    <div role="status">
      <p className="row">
        <Icon name="seal" size={16} />
        {t('edit.deployed', { count: result.deploys.length })}
      </p>
      <ul className="stack-small">
        {result.deploys.map((d) => (
          <li key={idOf(d)}>
            <Name of={d.path} /> <span className="faint">{d.versionId}</span>
          </li>
        ))}
      </ul>
    </div>
  );
}
