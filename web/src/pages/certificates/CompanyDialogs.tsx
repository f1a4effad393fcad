import { Checkbox, Modal, Textarea } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import '@mantine/core/styles/Checkbox.css';
import '@mantine/core/styles/InlineInput.css';
import '../../theme/dialogs.css';
import { api, take } from '../../api/client';
import { Confirm } from '../../dialogs/Confirm';
import { FileField } from './fields';
import { Copied, PemLink } from './Pem';

interface Props {
  purpose: string;
  onClose: () => void;
}

/** Asks for an issuer below the company's root. */
export function RequestIssuer({ purpose, onAsked, onClose }: Props & { onAsked: () => void }) {
  const { t } = useTranslation();
  const queries = useQueryClient();
  return (
    <Confirm
      question={t('certificates.request_.question', { what: t(`certificates.for_${purpose}`) })}
      consequences={t('certificates.request_.consequences', { returnObjects: true }) as string[]}
      verb={t('certificates.request_.verb')}
      act={async (reason) => {
        await take(api.POST('/authority/request', { body: { purpose, ...(reason ? { reason } : {}) } }));
        await queries.invalidateQueries({ queryKey: ['certificates'] });
        onAsked();
      }}
      onClose={onClose}
    />
  );
}

/** The request that the company is to answer. */
export function ShowRequest({ purpose, request, onClose }: Props & { request: string }) {
  const { t } = useTranslation();
  return (
    <Modal
      opened
      onClose={onClose}
      title={t('certificates.request_.made', { what: t(`certificates.for_${purpose}`) })}
      size="lg"
      closeButtonProps={{ 'aria-label': t('dialog.back') }}
    >
      <div className="stack">
        <p>{t('certificates.request_.todo')}</p>
        <Copied label={t('certificates.request')} text={request.trim()} />
        <div className="row">
          <PemLink pem={request} name={`signet-${purpose}-issuer.csr`}>
            {t('certificates.request_.download')}
          </PemLink>
        </div>
      </div>
    </Modal>
  );
}

/** Takes the company's answer. */
export function AdoptIssuer({ purpose, onClose }: Props) {
  const { t } = useTranslation();
  const queries = useQueryClient();
  const [answer, setAnswer] = useState('');
  const [noCross, setNoCross] = useState(false);
  return (
    <Confirm
      question={t('certificates.adopt.question', { what: t(`certificates.for_${purpose}`) })}
      consequences={t('certificates.adopt.consequences', { returnObjects: true }) as string[]}
      verb={t('certificates.adopt.verb')}
      reason="required"
      act={async (reason) => {
        const body = { purpose, answer, ...(noCross ? { noCross } : {}), ...(reason ? { reason } : {}) };
        await take(api.POST('/authority/adopt', { body }));
        await queries.invalidateQueries({ queryKey: ['certificates'] });
      }}
      onClose={onClose}
    >
      <Textarea
        label={t('certificates.adopt.answer')}
        description={t('certificates.adopt.answerHelp')}
        placeholder="-----BEGIN CERTIFICATE-----"
        value={answer}
        onChange={(e) => setAnswer(e.currentTarget.value)}
        rows={6}
        required
        withAsterisk={false}
        spellCheck={false}
        classNames={{ input: 'mono' }}
        data-autofocus
      />
      <FileField many onText={setAnswer} />
      <Checkbox
        label={t('certificates.adopt.noCross')}
        description={t('certificates.adopt.noCrossHelp')}
        checked={noCross}
        onChange={(e) => setNoCross(e.currentTarget.checked)}
      />
    </Confirm>
  );
}
