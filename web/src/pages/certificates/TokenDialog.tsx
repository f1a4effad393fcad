import { Modal } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import { useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import '../../theme/dialogs.css';
import { api, take, type Schemas } from '../../api/client';
import { Confirm } from '../../dialogs/Confirm';
import { Time } from '../../time/Time';
import { hostsOf, WhoFields, type Who } from './fields';
import { Copied } from './Pem';

/** Makes the right to get one certificate, and shows what to do with it. */
export function TokenDialog({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation();
  const [who, setWho] = useState<Who>({ role: 'agent', name: '', hosts: '' });
  const [made, setMade] = useState<Schemas['EnrolmentToken']>();
  const answered = useRef(false);
  if (made) return <Made token={made} onClose={onClose} />;
  return (
    <Confirm
      question={t('certificates.token.question')}
      consequences={t('certificates.token.consequences', { returnObjects: true }) as string[]}
      verb={t('certificates.token.verb')}
      act={async (reason) => {
        const hosts = hostsOf(who.hosts);
        const body = {
          role: who.role,
          name: who.name.trim(),
          ...(hosts.length ? { hosts } : {}),
          ...(reason ? { reason } : {}),
        };
        setMade(await take(api.POST('/certificates/tokens', { body })));
        answered.current = true;
      }}
      // The answer takes the place of the form: only who goes back closes.
      onClose={() => answered.current || onClose()}
    >
      <WhoFields roles={['agent', 'controller']} value={who} onChange={setWho} />
    </Confirm>
  );
}

function Made({ token, onClose }: { token: Schemas['EnrolmentToken']; onClose: () => void }) {
  const { t } = useTranslation();
  const folder = `/etc/signet/${token.role}`;
  return (
    <Modal
      opened
      onClose={onClose}
      title={t('certificates.token.made', { name: token.name })}
      size="lg"
      closeOnClickOutside={false}
      closeButtonProps={{ 'aria-label': t('dialog.back') }}
    >
      <div className="stack">
        <p>
          {t('certificates.token.until')} <Time at={token.expires} />. {t('certificates.token.once')}
        </p>
        <Copied label={t('certificates.token.command')} text={`signet enrol ${location.origin} --config ${folder}`} />
        <Copied label={t('certificates.token.paste')} text={token.token} />
        <Copied
          label={t('certificates.token.start')}
          text={`signet serve ${token.role} --config ${folder} --data /var/lib/signet/${token.role}`}
        />
        {token.role === 'agent' && (
          <p className="second">
            {t('certificates.token.thenAdd')} <Link to="/agents">{t('agents.title')}</Link>
          </p>
        )}
      </div>
    </Modal>
  );
}
