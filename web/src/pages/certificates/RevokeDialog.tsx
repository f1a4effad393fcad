import { NativeSelect } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, take, type Schemas } from '../../api/client';
import { Confirm } from '../../dialogs/Confirm';

const causes = [
  'unspecified',
  'keyCompromise',
  'cessationOfOperation',
  'superseded',
  'privilegeWithdrawn',
  'affiliationChanged',
] as const;

/** Asks before a certificate, or all of its holder, is revoked, and says what that does. */
export function RevokeDialog({ of: c, onClose }: { of: Schemas['IssuedCertificate']; onClose: () => void }) {
  const { t } = useTranslation();
  const queries = useQueryClient();
  const [all, setAll] = useState(true);
  const [cause, setCause] = useState<string>('unspecified');
  const act = async (reason: string | undefined) => {
    const why = { cause, ...(reason ? { reason } : {}) };
    if (all) await take(api.POST('/certificates/revoke', { body: { role: c.role, name: c.name, ...why } }));
    else await take(api.POST('/authority/revoke', { body: { serial: c.serial, ...why } }));
    await queries.invalidateQueries({ queryKey: ['certificates'] });
  };
  return (
    <Confirm
      question={t(all ? 'certificates.revoke.questionAll' : 'certificates.revoke.question', { name: c.name })}
      consequences={[
        ...(t(`certificates.revoke.consequences_${c.role}`, { returnObjects: true, name: c.name }) as string[]),
        t('certificates.revoke.forEver'),
      ]}
      verb={t(all ? 'certificates.revoke.verbAll' : 'certificates.revoke.verb')}
      danger
      reason="required"
      typed={c.name}
      act={act}
      onClose={onClose}
    >
      <fieldset className="choice">
        <legend>{t('certificates.revoke.which')}</legend>
        <label>
          <input type="radio" name="which" checked={all} onChange={() => setAll(true)} />
          {t('certificates.revoke.all', { name: c.name })}
        </label>
        <label>
          <input type="radio" name="which" checked={!all} onChange={() => setAll(false)} />
          {t('certificates.revoke.one')}
        </label>
      </fieldset>
      <NativeSelect
        label={t('certificates.revoke.cause')}
        value={cause}
        onChange={(e) => setCause(e.currentTarget.value)}
        data={causes.map((x) => ({ value: x, label: t(`certificates.cause_${x}`) }))}
      />
    </Confirm>
  );
}
