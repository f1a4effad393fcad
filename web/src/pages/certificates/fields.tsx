import { NativeSelect, Textarea, TextInput } from '@mantine/core';
import { useTranslation } from 'react-i18next';

/** Hosts as they are typed, with commas or blanks between them. */
export function hostsOf(text: string): string[] {
  return text.split(/[\s,]+/).filter((h) => h !== '');
}

/** The largest file that is read, in bytes: a request, or certificates. */
const mostRequest = 64 << 10;

/** Reads one file, or several, as one text. */
export function FileField({ onText, many = false }: { onText: (text: string) => void; many?: boolean }) {
  const { t } = useTranslation();
  const read = async (files: readonly File[]) => {
    const texts = await Promise.all(files.filter((f) => f.size <= mostRequest).map((f) => f.text()));
    onText(texts.join('\n'));
  };
  return (
    <label className="field">
      {t(many ? 'certificates.fromFiles' : 'certificates.fromFile')}
      <input type="file" multiple={many} onChange={(e) => void read([...(e.currentTarget.files ?? [])])} />
    </label>
  );
}

export interface Who {
  role: string;
  name: string;
  hosts: string;
}

interface WhoProps {
  roles: readonly string[];
  value: Who;
  onChange: (who: Who) => void;
}

/** Whom a certificate is for. */
export function WhoFields({ roles, value, onChange }: WhoProps) {
  const { t } = useTranslation();
  const part = value.role !== 'user' && value.role !== 'signer';
  return (
    <>
      <NativeSelect
        label={t('certificates.goodFor')}
        value={value.role}
        onChange={(e) => onChange({ ...value, role: e.currentTarget.value })}
        data={roles.map((r) => ({ value: r, label: t(`certificates.role_${r}`) }))}
      />
      <TextInput
        label={t(value.role === 'user' ? 'history.account' : 'agents.name')}
        description={t(`certificates.nameHelp_${part ? 'part' : value.role}`)}
        value={value.name}
        onChange={(e) => onChange({ ...value, name: e.currentTarget.value })}
        required
        withAsterisk={false}
        maxLength={128}
        autoComplete="off"
        spellCheck={false}
        data-autofocus
      />
      {part && (
        <TextInput
          label={t('certificates.hosts')}
          description={t('certificates.hostsHelp')}
          value={value.hosts}
          onChange={(e) => onChange({ ...value, hosts: e.currentTarget.value })}
          autoComplete="off"
          spellCheck={false}
        />
      )}
    </>
  );
}

/** How long a certificate is to be valid; empty: as the authority has it. */
export function DaysField({ value, onChange }: { value: string; onChange: (days: string) => void }) {
  const { t } = useTranslation();
  return (
    <TextInput
      label={t('certificates.days')}
      description={t('certificates.daysHelp')}
      type="number"
      min={1}
      max={10950}
      value={value}
      onChange={(e) => onChange(e.currentTarget.value)}
    />
  );
}

/** What a number of days is for the API. */
export const validity = (days: string) => (days === '' ? {} : { validHours: Number(days) * 24 });

/** A certificate request, pasted or from a file. */
export function RequestField({ value, onChange }: { value: string; onChange: (text: string) => void }) {
  const { t } = useTranslation();
  return (
    <>
      <Textarea
        label={t('certificates.request')}
        description={t('certificates.requestHelp')}
        placeholder="-----BEGIN CERTIFICATE REQUEST-----"
        value={value}
        onChange={(e) => onChange(e.currentTarget.value)}
        rows={5}
        required
        withAsterisk={false}
        maxLength={mostRequest}
        spellCheck={false}
        classNames={{ input: 'mono' }}
      />
      <FileField onText={onChange} />
    </>
  );
}
