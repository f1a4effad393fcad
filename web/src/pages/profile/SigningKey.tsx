import { PasswordInput } from '@mantine/core';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, take, type Schemas } from '../../api/client';
import { Act } from '../../dialogs/Act';
import { Confirm } from '../../dialogs/Confirm';
import { problemText } from '../../dialogs/problem';
import { Time } from '../../time/Time';
import { Text } from '../../view/Name';
import { Facts } from '../parts/PartPage';
import { readKeyFiles } from './keyFiles';
import '@mantine/core/styles/PasswordInput.css';

const queryKey = ['session', 'signing-key'];

/** With which key what I deploy is signed, and at level medium how I get one. */
export function SigningKey({ may }: { may: boolean }) {
  const { t } = useTranslation();
  const key = useQuery({ queryKey, queryFn: () => take(api.GET('/me/signing-key')) });
  const [asks, setAsks] = useState<'create' | 'import' | 'withdraw'>();
  if (!key.data) return key.error ? <p role="alert">{problemText(key.error, t)}</p> : null;
  const { securityLevel, canGenerate, key: has } = key.data;
  const close = () => setAsks(undefined);
  return (
    <section aria-labelledby="signing-key" className="stack-small">
      <h2 id="signing-key">{t('signingKey.title')}</h2>
      <p className="second">{t(`signingKey.level_${securityLevel}`)}</p>
      {has && <KeyFacts of={has} />}
      {securityLevel === 'medium' && !has && <p>{t('signingKey.none')}</p>}
      {securityLevel === 'medium' && may && (
        <div className="row">
          <Act onClick={() => setAsks('create')} not={canGenerate ? undefined : t('signingKey.noAuthority')}>
            {t('signingKey.create')}
          </Act>
          <Act onClick={() => setAsks('import')}>{t('signingKey.import')}</Act>
          {has && <Act onClick={() => setAsks('withdraw')}>{t('signingKey.withdraw')}</Act>}
        </div>
      )}
      {asks === 'create' && <CreateKey replaces={has !== undefined} onClose={close} />}
      {asks === 'import' && <ImportKey onClose={close} />}
      {asks === 'withdraw' && has && <WithdrawKey of={has} onClose={close} />}
    </section>
  );
}

function KeyFacts({ of: key }: { of: Schemas['AccountKey'] }) {
  const { t } = useTranslation();
  return (
    <Facts
      of={[
        [t('signingKey.signer'), <Text key="s">{key.signer}</Text>],
        [t('signingKey.kind'), key.kind],
        [t('signingKey.id'), <code key="i">{key.keyId.slice(0, 16)}</code>],
        [t('signingKey.until'), key.expiresAt ? <Time key="t" at={key.expiresAt} /> : t('signingKey.never')],
        [t('signingKey.origin'), t(`signingKey.origin_${key.origin}`, key.origin)],
      ]}
    />
  );
}

function useChange() {
  const queries = useQueryClient();
  return async (change: Promise<unknown>) => {
    await change;
    await queries.invalidateQueries({ queryKey });
  };
}

function CreateKey({ replaces, onClose }: { replaces: boolean; onClose: () => void }) {
  const { t } = useTranslation();
  const change = useChange();
  return (
    <Confirm
      question={t('signingKey.createQuestion')}
      consequences={[t('signingKey.createText'), ...(replaces ? [t('signingKey.replaces')] : [])]}
      verb={t('signingKey.create')}
      act={(reason) => change(take(api.POST('/me/signing-key', { body: reason ? { reason } : {} })))}
      onClose={onClose}
    />
  );
}

function ImportKey({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation();
  const change = useChange();
  const [file, setFile] = useState<File>();
  const [certificate, setCertificate] = useState<File>();
  const [password, setPassword] = useState('');
  return (
    <Confirm
      question={t('signingKey.importQuestion')}
      consequences={[t('signingKey.importText')]}
      verb={t('signingKey.import')}
      act={async (reason) => {
        const body = await readKeyFiles(file, certificate, password);
        await change(take(api.POST('/me/signing-key', { body: { ...body, ...(reason ? { reason } : {}) } })));
      }}
      onClose={onClose}
    >
      <label className="field">
        {t('signingKey.file')}
        <input type="file" required onChange={(e) => setFile(e.currentTarget.files?.[0])} data-autofocus />
      </label>
      <label className="field">
        {t('signingKey.certificate')}
        <input type="file" onChange={(e) => setCertificate(e.currentTarget.files?.[0])} />
      </label>
      <PasswordInput
        label={t('signingKey.password')}
        value={password}
        onChange={(e) => setPassword(e.currentTarget.value)}
        autoComplete="off"
      />
    </Confirm>
  );
}

function WithdrawKey({ of: key, onClose }: { of: Schemas['AccountKey']; onClose: () => void }) {
  const { t } = useTranslation();
  const change = useChange();
  return (
    <Confirm
      question={t('signingKey.withdrawQuestion', { signer: key.signer })}
      consequences={[t(key.origin === 'generated' ? 'signingKey.withdrawRevokes' : 'signingKey.withdrawKeeps')]}
      verb={t('signingKey.withdraw')}
      danger
      reason="none"
      act={() => change(take(api.DELETE('/me/signing-key')))}
      onClose={onClose}
    />
  );
}
