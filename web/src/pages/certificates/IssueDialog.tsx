import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, take, type Schemas } from '../../api/client';
import { Confirm } from '../../dialogs/Confirm';
import { DaysField, hostsOf, RequestField, validity, WhoFields, type Who } from './fields';

interface Props {
  roles: readonly string[];
  /** The certificate whose names the new one gets. */
  renews?: Schemas['IssuedCertificate'];
  onIssued: (serial: string) => void;
  onClose: () => void;
}

/** Asks for a request, and makes a certificate for its key. */
export function IssueDialog({ roles, renews, onIssued, onClose }: Props) {
  const { t } = useTranslation();
  const queries = useQueryClient();
  const [who, setWho] = useState<Who>({
    role: roles.includes('user') ? 'user' : (roles[0] ?? ''),
    name: '',
    hosts: '',
  });
  const [request, setRequest] = useState('');
  const [days, setDays] = useState('');
  const words = renews ? 'certificates.renew' : 'certificates.issue';
  const values = { name: renews?.name ?? '' };
  const act = async (reason: string | undefined) => {
    const more = { request, ...validity(days), ...(reason ? { reason } : {}) };
    const hosts = who.role === 'user' || who.role === 'signer' ? [] : hostsOf(who.hosts);
    const made = renews
      ? await take(api.POST('/authority/renew', { body: { serial: renews.serial, ...more } }))
      : await take(
          api.POST('/authority/issue', {
            body: { role: who.role, name: who.name.trim(), ...(hosts.length ? { hosts } : {}), ...more },
          }),
        );
    await queries.invalidateQueries({ queryKey: ['certificates'] });
    onIssued(made.serial);
  };
  return (
    <Confirm
      question={t(`${words}.question`, values)}
      consequences={t(`${words}.consequences`, { returnObjects: true, ...values }) as string[]}
      verb={t(`${words}.verb`)}
      act={act}
      onClose={onClose}
    >
      {!renews && <WhoFields roles={roles} value={who} onChange={setWho} />}
      <RequestField value={request} onChange={setRequest} />
      <DaysField value={days} onChange={setDays} />
    </Confirm>
  );
}
