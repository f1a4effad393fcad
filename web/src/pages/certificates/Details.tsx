import { Modal } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import '../../theme/dialogs.css';
import { api, take, type Schemas } from '../../api/client';
import { grouped } from '../../bytes';
import { IssuedBadge } from '../../state/certificate';
import { Time } from '../../time/Time';
import { Text } from '../../view/Name';
import { Shown } from '../../view/View';
import { CertificateActs } from './Issued';
import { PemLink } from './Pem';

type Certificate = Schemas['IssuedCertificate'];

interface Props {
  serial: string;
  /** Why nothing can be changed. */
  not: string | undefined;
  onRenew: (c: Certificate) => void;
  onRevoke: (c: Certificate) => void;
  onClose: () => void;
}

/** All of one certificate, and the certificate itself. */
export function Details({ serial, onClose, ...acts }: Props) {
  const { t } = useTranslation();
  const one = useQuery({
    queryKey: ['certificates', 'one', serial],
    queryFn: () => take(api.GET('/authority/certificates/{serial}', { params: { path: { serial } } })),
  });
  return (
    <Modal
      opened
      onClose={onClose}
      title={t('certificates.details', { name: one.data?.name ?? serial })}
      size="lg"
      closeButtonProps={{ 'aria-label': t('dialog.back') }}
    >
      <Shown query={one}>
        {(c) => (
          <div className="stack">
            <Facts of={c} />
            <div className="row">
              <CertificateActs of={c} {...acts} />
            </div>
          </div>
        )}
      </Shown>
    </Modal>
  );
}

function Facts({ of: c }: { of: Certificate }) {
  const { t } = useTranslation();
  const facts: (readonly [string, React.ReactNode])[] = [
    [t('order.state'), <IssuedBadge key="s" state={c.state} />],
    [t('certificates.goodFor'), t(`certificates.role_${c.role}`, c.role)],
    [
      t('certificates.validFrom'),
      <span key="v">
        <Time at={c.notBefore} /> – <Time at={c.notAfter} />
      </span>,
    ],
    ...(c.hosts?.length ? [[t('certificates.hosts'), <Text key="h">{c.hosts.join(', ')}</Text>] as const] : []),
    ...(c.revokedAt
      ? [
          [
            t('certificates.revokedAt'),
            <span key="r">
              <Time at={c.revokedAt} /> · {t(`certificates.cause_${c.cause}`, c.cause ?? '')}
            </span>,
          ] as const,
        ]
      : []),
    [
      t('certificates.serial'),
      <code key="n" className="mono digest">
        {c.serial}
      </code>,
    ],
    ...(c.renews
      ? [
          [
            t('certificates.renews'),
            <code key="b" className="mono digest">
              {c.renews}
            </code>,
          ] as const,
        ]
      : []),
    [
      t('certificates.fingerprint'),
      <code key="f" className="mono digest">
        {grouped(c.fingerprint ?? '')}
      </code>,
    ],
  ];
  const file = c.role === 'signer' ? 'signing' : c.role === 'user' ? 'user' : 'https';
  return (
    <div className="stack">
      <dl className="certificate-facts">
        {facts.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      <div className="row">
        <PemLink pem={c.certificate ?? ''} name={`${file}-cert.pem`}>
          {t('certificates.download')}
        </PemLink>
        <PemLink pem={c.roots ?? ''} name={`${file}-trust.pem`}>
          {t('certificates.roots')}
        </PemLink>
      </div>
    </div>
  );
}
