import { useTranslation } from 'react-i18next';
import { Check, Field, Rows } from './Field';

// The objects that a workflow names, as forms.

/** What a job resource gives to processes, and to expressions. */
export function ResourceForm() {
  const { t } = useTranslation();
  return (
    <div className="stack">
      <p className="second">{t('edit.resource.text')}</p>
      <Rows label={t('edit.env')} path={['env']} stem="NAME" hint={t('edit.resource.envHint')} place="jobResource" />
      <Rows
        label={t('edit.resource.variables')}
        path={['variables']}
        stem="name"
        hint={t('edit.resource.variablesHint')}
        place="jobResource"
      />
    </div>
  );
}

/** Where an Agent is, and how much it may run. */
export function AgentForm() {
  const { t } = useTranslation();
  return (
    <div className="stack">
      <p className="second">{t('edit.agentRef.text')}</p>
      <Field label={t('edit.agentRef.uri')} path={['uri']} hint={t('edit.agentRef.uriHint')} keep />
      <Field
        label={t('edit.agentRef.processLimit')}
        path={['processLimit']}
        as="number"
        hint={t('edit.agentRef.processLimitHint')}
        empty={t('edit.noLimit')}
      />
      <Check label={t('edit.agentRef.disabled')} path={['disabled']} />
    </div>
  );
}
