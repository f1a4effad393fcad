import { NumberInput, TextInput } from '@mantine/core';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import '@mantine/core/styles/NumberInput.css';
import { api, take } from '../../api/client';
import { Confirm } from '../../dialogs/Confirm';
import { Name } from '../../view/Name';
import { keepFile } from './archive';

interface Props {
  /** As the API takes them: KIND:PATH, FOLDER/, or / for everything. */
  paths: readonly string[];
  onClose: () => void;
}

/** Asks what is to be in an archive, and lets the browser keep it. */
export function ExportDialog({ paths, onClose }: Props) {
  const { t } = useTranslation();
  const [format, setFormat] = useState<'zip' | 'tar.gz'>('zip');
  const [source, setSource] = useState<'draft' | 'deployed'>('draft');
  const [purpose, setPurpose] = useState<'plain' | 'sign'>('plain');
  const [dependencies, setDependencies] = useState(true);
  const [release, setRelease] = useState('');
  const [audience, setAudience] = useState('');
  const [days, setDays] = useState<string | number>(30);
  const signing = purpose === 'sign';
  const listed = signing && release.trim() !== '';
  return (
    <Confirm
      question={t('archive.export')}
      verb={t('archive.export')}
      reason={signing ? 'required' : 'optional'}
      act={async (reason) => {
        const data = await take(
          api.POST('/inventory/export', {
            parseAs: 'blob',
            body: {
              paths: [...paths],
              format,
              source,
              dependencies,
              ...(signing && { forSigning: true }),
              ...(listed && { release: release.trim(), expiresInDays: Number(days) || 30 }),
              ...(listed && audience.trim() && { audience: audience.trim() }),
              ...(reason && { reason }),
            },
          }),
        );
        keepFile(data as unknown as Blob, `${signing ? release.trim() || 'to-sign' : 'signet-export'}.${format}`);
      }}
      onClose={onClose}
    >
      <ul className="added" aria-label={t('archive.what')} tabIndex={0}>
        {paths.map((p) => (
          <li key={p}>{p === '/' ? t('inventory.all') : <Name of={p} />}</li>
        ))}
      </ul>
      <Choice
        legend={t('archive.purpose')}
        options={(['plain', 'sign'] as const).map((v) => [v, t(`archive.purpose_${v}`)])}
        value={purpose}
        onChange={setPurpose}
      />
      <Choice
        legend={t('archive.source')}
        options={(['draft', 'deployed'] as const).map((v) => [v, t(`archive.source_${v}`)])}
        value={source}
        onChange={setSource}
      />
      <Choice
        legend={t('archive.format')}
        options={(['zip', 'tar.gz'] as const).map((v) => [v, `.${v}`])}
        value={format}
        onChange={setFormat}
      />
      <label className="check">
        <input type="checkbox" checked={dependencies} onChange={(e) => setDependencies(e.currentTarget.checked)} />
        <span>
          {t('archive.dependencies')}
          <span className="caption">{t('archive.dependenciesHint')}</span>
        </span>
      </label>
      {signing && (
        <>
          <TextInput
            label={t('archive.release')}
            description={t('archive.releaseHint')}
            value={release}
            onChange={(e) => setRelease(e.currentTarget.value)}
            maxLength={100}
            autoComplete="off"
            spellCheck={false}
          />
          {listed && (
            <div className="two-fields">
              <TextInput
                label={t('archive.audience')}
                description={t('archive.audienceHint')}
                value={audience}
                onChange={(e) => setAudience(e.currentTarget.value)}
                maxLength={128}
                autoComplete="off"
                spellCheck={false}
              />
              <NumberInput
                label={t('archive.days')}
                value={days}
                onChange={setDays}
                min={1}
                max={366}
                allowDecimal={false}
                hideControls
              />
            </div>
          )}
        </>
      )}
    </Confirm>
  );
}

interface ChoiceProps<T extends string> {
  legend: string;
  options: readonly (readonly [value: T, label: string])[];
  value: T;
  onChange: (v: T) => void;
}

/** One of few. */
export function Choice<T extends string>({ legend, options, value, onChange }: ChoiceProps<T>) {
  return (
    <fieldset className="choice">
      <legend>{legend}</legend>
      {options.map(([v, label]) => (
        <label key={v}>
          <input type="radio" name={legend} checked={v === value} onChange={() => onChange(v)} />
          {label}
        </label>
      ))}
    </fieldset>
  );
}
