import { NativeSelect, PasswordInput } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import '@mantine/core/styles/PasswordInput.css';
import { api, take } from '../../api/client';
import { Confirm } from '../../dialogs/Confirm';
import { DaysField, hostsOf, validity, WhoFields, type Who } from './fields';

/** Gives the browser a file to keep. */
function save(file: Blob, name: string): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(file);
  link.download = name;
  link.click();
  URL.revokeObjectURL(link.href);
}

/** Makes key, certificate and authorities of a part, and gives them as a file. */
export function BundleDialog({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation();
  const queries = useQueryClient();
  const [who, setWho] = useState<Who>({ role: 'agent', name: '', hosts: '' });
  const [form, setForm] = useState('both');
  const [password, setPassword] = useState('');
  const [days, setDays] = useState('');
  const act = async (reason: string | undefined) => {
    const hosts = hostsOf(who.hosts);
    const name = who.name.trim();
    const body = {
      role: who.role,
      name,
      form,
      ...(hosts.length ? { hosts } : {}),
      ...(form === 'pem' ? {} : { password }),
      ...validity(days),
      ...(reason ? { reason } : {}),
    };
    const file = await take(api.POST('/authority/bundle', { body, parseAs: 'blob' }));
    save(file as unknown as Blob, `${who.role}-${name}.zip`);
    await queries.invalidateQueries({ queryKey: ['certificates'] });
  };
  return (
    <Confirm
      question={t('certificates.bundle.question')}
      consequences={t('certificates.bundle.consequences', { returnObjects: true }) as string[]}
      verb={t('certificates.bundle.verb')}
      act={act}
      onClose={onClose}
    >
      <WhoFields roles={['agent', 'controller', 'cockpit']} value={who} onChange={setWho} />
      <NativeSelect
        label={t('certificates.bundle.form')}
        value={form}
        onChange={(e) => setForm(e.currentTarget.value)}
        data={(['both', 'pkcs12', 'pem'] as const).map((f) => ({
          value: f,
          label: t(`certificates.bundle.form_${f}`),
        }))}
      />
      {form !== 'pem' && (
        <PasswordInput
          label={t('certificates.bundle.password')}
          description={t('certificates.bundle.passwordHelp')}
          value={password}
          onChange={(e) => setPassword(e.currentTarget.value)}
          minLength={8}
          maxLength={200}
          required
          withAsterisk={false}
          autoComplete="new-password"
        />
      )}
      <DaysField value={days} onChange={setDays} />
    </Confirm>
  );
}
