import { TextInput } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, take } from '../../api/client';
import { Confirm } from '../../dialogs/Confirm';
import { problemText } from '../../dialogs/problem';
import { Text } from '../../view/Name';

interface Props {
  kind: string;
  path: string;
  /** What has to be done before: what isn't saved yet is. */
  onDone: (to: string) => void;
  onClose: () => void;
}

/** Gives an object another path, and tells before what else changes by that. */
export function RenameDialog({ kind, path, onDone, onClose }: Props) {
  const { t } = useTranslation();
  const [to, setTo] = useState(path);
  const [asked, setAsked] = useState(path);
  useEffect(() => {
    const timer = setTimeout(() => setAsked(to.trim()), 300);
    return () => clearTimeout(timer);
  }, [to]);
  const plan = useQuery({
    queryKey: ['inventory', 'rename', kind, path, asked],
    queryFn: () => take(api.POST('/inventory/rename', { body: { kind, from: path, to: asked, dryRun: true } })),
    enabled: asked !== '' && asked !== path,
    retry: false,
    gcTime: 0,
  });
  const name = path.split('/').at(-1) ?? path;
  return (
    <Confirm
      question={t('inventory.renameAsk', { name })}
      verb={t('inventory.rename')}
      act={async (reason) => {
        const body = { kind, from: path, to: to.trim(), ...(reason !== undefined && { reason }) };
        await take(api.POST('/inventory/rename', { body }));
        onDone(to.trim());
      }}
      onClose={onClose}
    >
      <TextInput
        label={t('inventory.newPath')}
        value={to}
        onChange={(e) => setTo(e.currentTarget.value)}
        required
        withAsterisk={false}
        maxLength={1000}
        autoComplete="off"
        spellCheck={false}
      />
      {plan.isError && (
        <p className="problem-line">
          <Text>{problemText(plan.error, t)}</Text>
        </p>
      )}
      {plan.data && (
        <div>
          <p className="second">{t('inventory.adjusted', { count: plan.data.adjusted.length })}</p>
          <ul className="consequences">
            {plan.data.adjusted.map((a) => (
              <li key={a.path + a.pointer}>
                <Text>{`${a.path} ${a.pointer}: ${a.old} → ${a.new}`}</Text>
              </li>
            ))}
          </ul>
          {plan.data.moved.some((m) => m.deployed) && <p className="second">{t('inventory.staysDeployed')}</p>}
          {plan.data.problems.map((x) => (
            <p key={x.path + (x.pointer ?? '')} className="problem-line">
              <Text>{`${x.path} ${x.pointer ?? ''}: ${x.message}`}</Text>
            </p>
          ))}
        </div>
      )}
    </Confirm>
  );
}
