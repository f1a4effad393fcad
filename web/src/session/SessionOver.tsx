import { Modal } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import '../theme/dialogs.css';
import { LoginForm } from './LoginForm';
import './login.css';
import type { Me } from './session';

/** Stands over a page whose session is over, so that what was typed there is kept. */
export default function SessionOver({ me, methods }: { me: Me; methods: readonly string[] }) {
  const { t } = useTranslation();
  const queries = useQueryClient();
  return (
    <Modal
      opened
      onClose={() => undefined}
      withCloseButton={false}
      closeOnClickOutside={false}
      closeOnEscape={false}
      title={t('login.over')}
      centered
    >
      <div className="stack">
        <p>{t('login.overText')}</p>
        <LoginForm methods={methods} account={me.account} onDone={() => void queries.invalidateQueries()} />
      </div>
    </Modal>
  );
}
