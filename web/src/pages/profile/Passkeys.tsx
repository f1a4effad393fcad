import { TextInput } from '@mantine/core';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, take, type Schemas } from '../../api/client';
import { Act } from '../../dialogs/Act';
import { Confirm } from '../../dialogs/Confirm';
import { canPasskeys, makePasskey } from '../../passkey/passkey';
import { Time } from '../../time/Time';
import { Text } from '../../view/Name';

const queryKey = ['session', 'passkeys'];

/** One's passkeys, by which the browser signs releases, and what makes them trusted. */
export function Passkeys() {
  const { t } = useTranslation();
  const queries = useQueryClient();
  const list = useQuery({ queryKey, queryFn: () => take(api.GET('/me/passkeys')) });
  const [adds, setAdds] = useState(false);
  const [removes, setRemoves] = useState<Schemas['Passkey']>();
  const [renames, setRenames] = useState<Schemas['Passkey']>();
  const changed = () => queries.invalidateQueries({ queryKey });
  return (
    <section aria-labelledby="passkeys" className="stack-small">
      <h2 id="passkeys">{t('passkeys.title')}</h2>
      <p className="second">{t('passkeys.text')}</p>
      <ul className="stack-small" aria-labelledby="passkeys">
        {list.data?.passkeys.map((p) => (
          <li key={p.id} className="card stack-small">
            <div className="row">
              <b>
                <Text>{p.name}</Text>
              </b>
              <code>{p.keyId.slice(0, 16)}</code>
              <span className="second">
                {t('passkeys.made')} <Time at={p.madeAt} />
              </span>
              <span className="second">
                {p.lastUsedAt ? (
                  <>
                    {t('passkeys.used')} <Time at={p.lastUsedAt} />
                  </>
                ) : (
                  t('passkeys.never')
                )}
              </span>
              {p.backupEligible && <span className="second">{t('passkeys.copied')}</span>}
              <Act onClick={() => setRenames(p)}>{t('passkeys.rename')}</Act>
              <Act onClick={() => setRemoves(p)}>{t('passkeys.remove')}</Act>
            </div>
            <details className="changes">
              <summary>{t('passkeys.trustFile')}</summary>
              <p className="second">{t('passkeys.trustText')}</p>
              <pre className="trust-file" tabIndex={0} aria-label={t('passkeys.trustFile')}>
                {p.trustFile}
              </pre>
              <a
                href={`data:application/json;charset=utf-8,${encodeURIComponent(p.trustFile)}`}
                download={`${p.name.replace(/[^A-Za-z0-9._-]+/g, '-')}.json`}
              >
                {t('passkeys.download')}
              </a>
            </details>
          </li>
        ))}
      </ul>
      {list.data?.passkeys.length === 0 && <p>{t('passkeys.none')}</p>}
      <div className="row">
        <Act onClick={() => setAdds(true)} not={canPasskeys() ? undefined : t('passkeys.cannot')}>
          {t('passkeys.add')}
        </Act>
      </div>
      {adds && <AddPasskey onDone={changed} onClose={() => setAdds(false)} />}
      {renames && <RenamePasskey of={renames} onDone={changed} onClose={() => setRenames(undefined)} />}
      {removes && (
        <Confirm
          question={t('passkeys.removeQuestion', { name: removes.name })}
          consequences={[t('passkeys.removeText')]}
          verb={t('passkeys.remove')}
          danger
          reason="none"
          act={async () => {
            await take(api.DELETE('/me/passkeys/{id}', { params: { path: { id: removes.id } } }));
            await changed();
          }}
          onClose={() => setRemoves(undefined)}
        />
      )}
    </section>
  );
}

interface RenameProps {
  of: Schemas['Passkey'];
  onDone: () => Promise<void>;
  onClose: () => void;
}

function RenamePasskey({ of: p, onDone, onClose }: RenameProps) {
  const { t } = useTranslation();
  const [name, setName] = useState(p.name);
  return (
    <Confirm
      question={t('passkeys.renameQuestion', { name: p.name })}
      consequences={[t('passkeys.renameText')]}
      verb={t('passkeys.rename')}
      reason="none"
      act={async () => {
        await take(api.POST('/me/passkeys/{id}', { params: { path: { id: p.id } }, body: { name: name.trim() } }));
        await onDone();
      }}
      onClose={onClose}
    >
      <PasskeyName value={name} onChange={setName} />
    </Confirm>
  );
}

function PasskeyName({ value, onChange }: { value: string; onChange: (name: string) => void }) {
  const { t } = useTranslation();
  return (
    <TextInput
      label={t('passkeys.name')}
      value={value}
      onChange={(e) => onChange(e.currentTarget.value)}
      required
      withAsterisk={false}
      maxLength={60}
      autoComplete="off"
      data-autofocus
    />
  );
}

function AddPasskey({ onDone, onClose }: { onDone: () => Promise<void>; onClose: () => void }) {
  const { t } = useTranslation();
  const [name, setName] = useState('');
  return (
    <Confirm
      question={t('passkeys.addQuestion')}
      consequences={[t('passkeys.addText')]}
      verb={t('passkeys.add')}
      reason="none"
      act={async () => {
        await makePasskey(name.trim());
        await onDone();
      }}
      onClose={onClose}
    >
      <PasskeyName value={name} onChange={setName} />
    </Confirm>
  );
}
