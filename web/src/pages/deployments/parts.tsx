import { useTranslation } from 'react-i18next';
import type { Schemas } from '../../api/client';
import { Icon } from '../../state/Icon';
import { Name, Text } from '../../view/Name';

/** Who signed: name, kind and key. */
export function Signers({ of }: { of: readonly Schemas['Signer'][] }) {
  if (of.length === 0) return <span className="faint">–</span>;
  return (
    <>
      {of.map((s, i) => (
        <span key={i} className="deployments-signer">
          <Icon name="seal" size={16} />
          <Name of={s.name} most={32} />
          {s.kind && (
            <span className="caption">
              {' '}
              <Text>{`${s.kind} ${s.key ?? ''}`}</Text>
            </span>
          )}
        </span>
      ))}
    </>
  );
}

/** How many objects a deployment has touched, in words. */
export function Counts({ of: d }: { of: Schemas['Deployment'] }) {
  const { t } = useTranslation();
  const words = (['added', 'changed', 'withdrawn'] as const).flatMap((k) =>
    d[k] > 0 ? [t(`deployments.count.${k}`, { count: d[k] })] : [],
  );
  return words.length > 0 ? words.join(', ') : <span className="faint">{t('deployments.nothing')}</span>;
}
