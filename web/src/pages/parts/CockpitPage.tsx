import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useParams, useSearch } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import { api, take } from '../../api/client';
import { PartBadge } from '../../state/Badge';
import { Time } from '../../time/Time';
import { Name } from '../../view/Name';
import { Empty, Shown } from '../../view/View';
import { cockpitStatus } from '../agents/part';
import { PartCertificates, useCertificates } from './PartCertificates';
import { PartTrust } from './PartTrust';
import { Facts, PartPage, Since } from './PartPage';

/** One Cockpit: how it is, and, of the one that answers, its log. */
export default function CockpitPage() {
  const { t } = useTranslation();
  const { name } = useParams({ from: '/frame/cockpits/$name' });
  const { tab = 'overview' } = useSearch({ from: '/frame/cockpits/$name' });
  const navigate = useNavigate({ from: '/cockpits/$name' });
  const query = useQuery({
    queryKey: ['agents', 'cockpits'],
    queryFn: () => take(api.GET('/cockpits')),
    refetchInterval: 5000,
  });
  const certificates = useCertificates('cockpit', name);
  const cockpit = query.data?.cockpits.find((c) => c.name === name);
  const read = (after: number) => take(api.GET('/cockpits/log', { params: { query: { after, limit: 2000 } } }));
  return (
    <PartPage
      view="cockpit"
      name={name}
      badges={cockpit && <PartBadge status={cockpitStatus(cockpit)} />}
      ready={query.isSuccess}
      tab={tab}
      onTab={(x) => void navigate({ search: x === 'overview' ? {} : { tab: x }, replace: true })}
      read={cockpit?.answers ? read : undefined}
      noLog={t('parts.otherCockpit', { name })}
    >
      <Shown query={query}>
        {() =>
          cockpit ? (
            <>
              <Facts
                of={[
                  cockpit.version ? [t('parts.version'), <Name key="v" of={cockpit.version} />] : undefined,
                  cockpit.since ? [t('parts.runsSince'), <Since key="s" at={cockpit.since} />] : undefined,
                  [t('parts.heard'), <Time key="t" at={cockpit.heard} />],
                  cockpit.answers ? [t('parts.answers'), t('parts.answersYou')] : undefined,
                ]}
              />
              <PartCertificates rows={certificates} />
              <PartTrust part="cockpit" name={name} />
            </>
          ) : (
            <Empty title={t('parts.unknownCockpit')} action={<Link to="/agents">{t('parts.toList')}</Link>}>
              {t('view.notFoundText')}
            </Empty>
          )
        }
      </Shown>
    </PartPage>
  );
}
