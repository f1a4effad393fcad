import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, take, type Schemas } from '../../api/client';
import { Act } from '../../dialogs/Act';
import { Confirm } from '../../dialogs/Confirm';
import { useWhyNot } from '../../dialogs/whyNot';
import { Icon } from '../../state/Icon';
import { Name, Text } from '../../view/Name';

interface Props {
  workflow: Schemas['Workflow'];
  /** The newest version. */
  newest: string | undefined;
  /** Orders of other versions. */
  others: ReadonlyMap<string, number> | undefined;
}

/** Lines over the tabs: what isn't as it should be, or not as it is elsewhere. */
export function Notes({ workflow, newest, others }: Props) {
  const { t } = useTranslation();
  return (
    <>
      {workflow.quarantine && (
        <div className="note trust" role="alert">
          <Icon name="seal-broken" />
          <p>
            <strong>{t('workflow.untrusted')}</strong> <Text>{workflow.quarantine.message}</Text>{' '}
            <span className="faint">{t('view.code', { code: workflow.quarantine.code })}</span>
          </p>
        </div>
      )}
      {workflow.suspended && (
        <p className="note attn">
          <Icon name="pause" />
          {t('workflow.suspendedText')}
        </p>
      )}
      {newest !== undefined && newest !== workflow.versionId && (
        <p className="note">
          <span>
            {t('workflow.older')}{' '}
            <Link to="/workflows/$" params={{ _splat: workflow.path }}>
              {t('workflow.showNewest')}
            </Link>
          </span>
        </p>
      )}
      {[...(others ?? [])].map(([version, count]) => (
        <Other key={version} path={workflow.path} version={version} count={count} newest={newest} />
      ))}
    </>
  );
}

interface OtherProps {
  path: string;
  version: string;
  count: number;
  newest: string | undefined;
}

function Other({ path, version, count, newest }: OtherProps) {
  const { t, i18n } = useTranslation();
  const not = useWhyNot('orders:manage');
  const [asks, setAsks] = useState(false);
  const shown = count.toLocaleString(i18n.language);
  return (
    <div className="note" data-testid="orders-of-version" data-version={version} data-count={count}>
      <span>
        {t('workflow.otherVersion', { count, shown })} <Name of={version} most={32} />
      </span>
      <Link to="/workflows/$" params={{ _splat: path }} search={{ version }}>
        {t('workflow.show')}
      </Link>
      {version !== newest && (
        <Act not={not} onClick={() => setAsks(true)}>
          {t('workflow.transfer')}
        </Act>
      )}
      {asks && (
        <Confirm
          question={t('workflow.transferAsk', { count, shown, version })}
          consequences={[
            t('workflow.transferWill'),
            t('workflow.transferAll'),
            t('workflow.transferNot'),
            t('workflow.transferBack'),
          ]}
          verb={t('workflow.transfer')}
          reason="required"
          act={(reason) =>
            take(
              api.POST('/orders/transfer', {
                body: { workflow: path, versionId: version, ...(reason !== undefined && { reason }) },
              }),
            )
          }
          onClose={() => setAsks(false)}
        />
      )}
    </div>
  );
}
