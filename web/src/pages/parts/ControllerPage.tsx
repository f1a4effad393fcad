import { Link, useNavigate, useParams, useSearch } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import { api, take } from '../../api/client';
import { useControllers } from '../../frame/controllers';
import { PartBadge } from '../../state/Badge';
import { BehindBadge } from '../../state/TrustBadge';
import { CertificateBadge } from '../../state/certificate';
import { Time } from '../../time/Time';
import { Name, Text } from '../../view/Name';
import { Empty, Shown } from '../../view/View';
import { memberStatus } from '../agents/part';
import { PartCertificates, useCertificates } from './PartCertificates';
import { PartTrust } from './PartTrust';
import { Facts, PartPage, Since } from './PartPage';

/** One member of a Controller: how it is, and its log. */
export default function ControllerPage() {
  const { t } = useTranslation();
  const { name } = useParams({ from: '/frame/controllers/$name' });
  const { tab = 'overview' } = useSearch({ from: '/frame/controllers/$name' });
  const navigate = useNavigate({ from: '/controllers/$name' });
  const status = useControllers();
  const certificates = useCertificates('controller', name);
  const controller = status.data?.controllers.find((c) => c.members.some((m) => m.name === name));
  const member = controller?.members.find((m) => m.name === name);
  return (
    <PartPage
      view="controller"
      name={name}
      badges={
        member && (
          <>
            <PartBadge status={memberStatus(member)} />
            <BehindBadge count={member.behind} />
          </>
        )
      }
      ready={status.isSuccess}
      tab={tab}
      onTab={(x) => void navigate({ search: x === 'overview' ? {} : { tab: x }, replace: true })}
      read={(after) =>
        take(
          api.GET('/controllers/{name}/log', {
            params: { path: { name }, query: { after, limit: 2000, ...(controller && { controller: controller.id }) } },
          }),
        )
      }
    >
      <Shown query={status}>
        {() =>
          controller && member ? (
            <>
              {controller.problem && (
                <p className="note attn" role="status">
                  <Text>{controller.problem.message}</Text>
                </p>
              )}
              <Facts
                of={[
                  [t('parts.group'), <Name key="g" of={controller.id} />],
                  controller.term ? [t('parts.term'), controller.term.toLocaleString()] : undefined,
                  [t('agents.address'), <Name key="a" of={member.url} most={64} />],
                  [
                    t('agents.history'),
                    controller.history.problem ? (
                      <Text key="h">{controller.history.problem.message}</Text>
                    ) : (
                      t('agents.upToDate')
                    ),
                  ],
                  member.version ? [t('parts.version'), <Name key="v" of={member.version} />] : undefined,
                  member.since ? [t('parts.runsSince'), <Since key="s" at={member.since} />] : undefined,
                  member.certificateEnds
                    ? [t('parts.certificate'), <CertificateBadge key="c" notAfter={member.certificateEnds} />]
                    : undefined,
                  member.heard ? [t('parts.heard'), <Time key="t" at={member.heard} />] : undefined,
                ]}
              />
              <PartCertificates rows={certificates} />
              <PartTrust part="controller" name={name} controller={controller.id} />
            </>
          ) : (
            <Empty title={t('parts.unknownController')} action={<Link to="/agents">{t('parts.toList')}</Link>}>
              {t('view.notFoundText')}
            </Empty>
          )
        }
      </Shown>
    </PartPage>
  );
}
