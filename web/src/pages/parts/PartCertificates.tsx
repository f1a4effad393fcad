import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { api, take, type Schemas } from '../../api/client';
import { Certificates } from './PartPage';

/** The section of a part's page that has its certificates, if there are any. */
export function PartCertificates({ rows }: { rows: readonly Schemas['Certificate'][] }) {
  const { t } = useTranslation();
  if (rows.length === 0) return null;
  return (
    <section aria-labelledby="certificates" className="stack-small">
      <h2 id="certificates">{t('parts.certificates')}</h2>
      <Certificates rows={rows} label={t('parts.certificates')} />
    </section>
  );
}

/** The certificates that one part shows. */
export function useCertificates(part: string, name: string) {
  const query = useQuery({
    queryKey: ['agents', 'certificates'],
    queryFn: () => take(api.GET('/certificates')),
    refetchInterval: 60_000,
  });
  return (query.data?.certificates ?? []).filter((c) => c.part === part && c.name === name && c.use !== 'authority');
}
