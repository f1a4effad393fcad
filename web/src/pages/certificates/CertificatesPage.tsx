import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, take, type Schemas } from '../../api/client';
import { Act } from '../../dialogs/Act';
import { changed } from '../../search';
import { useMethods } from '../../session/LoginPage';
import { useMay } from '../../session/session';
import { Icon } from '../../state/Icon';
import { formatAge } from '../../time/format';
import { useNow } from '../../time/Time';
import { Empty, Shown, Skeleton, View } from '../../view/View';
import { Certificates } from '../parts/PartPage';
import { AuthorityTab } from './AuthorityTab';
import { BundleDialog } from './BundleDialog';
import { Details } from './Details';
import { Issued } from './Issued';
import { IssueDialog } from './IssueDialog';
import { Lists } from './Lists';
import { RevokeDialog } from './RevokeDialog';
import { TokenDialog } from './TokenDialog';
import './certificates.css';

type Certificate = Schemas['IssuedCertificate'];
type Asked = 'token' | 'issue' | 'bundle' | { renew: Certificate } | { revoke: Certificate };

/** How many certificates that parts use are shown at once. */
const mostInUse = 300;

/** Which certificate ends next, who has one, and how somebody gets one or loses it. */
export default function CertificatesPage() {
  const { t } = useTranslation();
  const search = useSearch({ from: '/frame/certificates' });
  const navigate = useNavigate({ from: '/certificates' });
  const may = useMay('certificates:manage');
  const methods = useMethods();
  const [asked, setAsked] = useState<Asked>();
  const lists = useQuery({
    queryKey: ['certificates', 'lists'],
    queryFn: () => take(api.GET('/certificates/revocations')),
    refetchInterval: 10_000,
  });
  const has = lists.data?.authority === true;
  const authority = useQuery({
    queryKey: ['certificates', 'authority'],
    queryFn: () => take(api.GET('/authority')),
    refetchInterval: 30_000,
    enabled: has,
  });
  const tab = search.tab ?? (lists.data && !has ? 'use' : 'issued');
  const roles = rolesOf(authority.data);
  const not = !may
    ? t('certificates.notPermitted')
    : !has
      ? t('certificates.noAuthority')
      : roles.length === 0
        ? t('certificates.issuesNothing')
        : undefined;
  const notNode = not ?? (roles.includes('agent') ? undefined : t('certificates.issuesNoParts'));
  const open = (serial: string | undefined) => void navigate({ search: (s) => changed<typeof search>(s, { serial }) });
  const close = () => setAsked(undefined);
  // A dialog takes the place of the details.
  const ask = (asked: Asked) => {
    if (search.serial) open(undefined);
    setAsked(asked);
  };
  const acts = {
    not: may ? undefined : t('certificates.notPermitted'),
    onRenew: (renew: Certificate) => ask({ renew }),
    onRevoke: (revoke: Certificate) => ask({ revoke }),
  };
  return (
    <View
      name="certificates"
      title={t('nav.certificates')}
      tab={t('nav.certificates')}
      ready={(lists.isSuccess && (!has || authority.isSuccess || authority.isError)) || lists.isError}
      actions={
        <>
          <Act not={notNode} onClick={() => setAsked('bundle')}>
            {t('certificates.bundle.verb')}
          </Act>
          <Act not={not} onClick={() => setAsked('issue')}>
            {t('certificates.issue.verb')}
          </Act>
          <Act variant="filled" not={notNode} onClick={() => setAsked('token')}>
            {t('certificates.token.verb')}
          </Act>
        </>
      }
    >
      {authority.data && <Notes of={authority.data} />}
      <div className="tabs" role="tablist" aria-label={t('certificates.views')}>
        {(['issued', 'use', 'authority', 'lists'] as const).map((x) => (
          <button
            key={x}
            type="button"
            role="tab"
            id={`tab-${x}`}
            aria-selected={tab === x}
            aria-controls="tab-panel"
            onClick={() => void navigate({ search: { tab: x } })}
          >
            {t(`certificates.tab_${x}`)}
          </button>
        ))}
      </div>
      <div className="tab-panel" role="tabpanel" id="tab-panel" aria-labelledby={`tab-${tab}`}>
        {tab === 'use' && <InUse />}
        {tab === 'lists' && <Shown query={lists}>{(l) => <Lists of={l.lists} />}</Shown>}
        {(tab === 'issued' || tab === 'authority') && lists.isSuccess && !has && (
          <Empty title={t('certificates.noAuthority')}>{t('certificates.noAuthorityText')}</Empty>
        )}
        {(tab === 'issued' || tab === 'authority') && lists.isPending && <Skeleton />}
        {tab === 'issued' && has && <Issued onOpen={open} {...acts} />}
        {tab === 'authority' && has && (
          <Shown query={authority}>
            {(a) => <AuthorityTab of={a} not={acts.not} level={methods.data?.securityLevel} />}
          </Shown>
        )}
      </div>
      {search.serial && has && <Details serial={search.serial} onClose={() => open(undefined)} {...acts} />}
      {asked === 'token' && <TokenDialog onClose={close} />}
      {asked === 'bundle' && <BundleDialog onClose={close} />}
      {asked === 'issue' && <IssueDialog roles={roles} onIssued={open} onClose={close} />}
      {typeof asked === 'object' && 'renew' in asked && (
        <IssueDialog renews={asked.renew} roles={roles} onIssued={open} onClose={close} />
      )}
      {typeof asked === 'object' && 'revoke' in asked && <RevokeDialog of={asked.revoke} onClose={close} />}
    </View>
  );
}

/** For whom this Cockpit can issue certificates. */
function rolesOf(authority: Schemas['Authority'] | undefined): string[] {
  const of: Record<string, string[]> = {
    node: ['agent', 'controller', 'cockpit'],
    signing: ['signer'],
    user: ['user'],
  };
  return (authority?.purposes ?? []).flatMap((p) => (p.issues ? (of[p.purpose] ?? []) : []));
}

/** What somebody has to see to. */
function Notes({ of: authority }: { of: Schemas['Authority'] }) {
  const { t } = useTranslation();
  const now = useNow(60_000);
  const soon = authority.purposes.reduce((n, p) => n + p.issued.soon, 0);
  return (
    <>
      {authority.purposes.flatMap((p) =>
        p.members
          .filter((m) => m.ends !== 'good' && m.state !== 'retired')
          .map((m) => (
            <p key={m.serial} className="note attn">
              <Icon name="hourglass" />
              {t(`certificates.${m.ends === 'over' ? 'memberOver' : 'memberEnds'}`, {
                what: t(`certificates.${m.kind}_${p.purpose}`),
                time: formatAge(Math.abs(m.notAfter - now)),
              })}{' '}
              {t('certificates.rotate')}
            </p>
          )),
      )}
      {soon > 0 && (
        <p className="note attn">
          <Icon name="hourglass" />
          <span>{t('certificates.soon', { count: soon })}</span>
          <Link to="/certificates" search={{ state: 'soon' }}>
            {t('certificates.showSoon')}
          </Link>
        </p>
      )}
    </>
  );
}

/** What the parts show to others and whom they trust, whoever has issued it. */
function InUse() {
  const { t } = useTranslation();
  const certificates = useQuery({
    queryKey: ['agents', 'certificates'],
    queryFn: () => take(api.GET('/certificates')),
    refetchInterval: 60_000,
  });
  return (
    <Shown query={certificates}>
      {(c) => (
        <>
          <Certificates rows={c.certificates.slice(0, mostInUse)} label={t('certificates.tab_use')} parts />
          {c.certificates.length > mostInUse && (
            <p className="caption">{t('parts.firstToEnd', { count: mostInUse })}</p>
          )}
        </>
      )}
    </Shown>
  );
}
