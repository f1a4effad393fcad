import { useTranslation } from 'react-i18next';
import type { Schemas } from '../../api/client';
import { ObjectBadge } from '../../state/Badge';
import { Icon } from '../../state/Icon';
import { Name } from '../../view/Name';

/** Who signed the document, which version it is, and whether it is in force. */
export function Evidence({ workflow }: { workflow: Schemas['Workflow'] }) {
  const { t } = useTranslation();
  return (
    <div className="row evidence">
      {workflow.quarantine && <ObjectBadge status="untrusted" />}
      {workflow.suspended && (
        <span className="badge attn filled" data-status="Suspended">
          <Icon name="pause" size={14} />
          <span>{t('status.Suspended')}</span>
        </span>
      )}
      <span className="row signed">
        <Icon name={workflow.quarantine ? 'seal-broken' : 'seal'} size={14} />
        {workflow.signer ? (
          <span>
            {t('workflow.signedBy')} <Name of={workflow.signer} most={40} />
          </span>
        ) : (
          <span>{t('workflow.unsigned')}</span>
        )}
      </span>
      <span className="second">
        {t('workflow.version')} <Name of={workflow.versionId} most={32} />
      </span>
    </div>
  );
}
