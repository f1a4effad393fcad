import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { Schemas } from '../../api/client';
import { grouped } from '../../bytes';
import { Act } from '../../dialogs/Act';
import { Icon } from '../../state/Icon';
import { CertificateBadge } from '../../state/certificate';
import { Time } from '../../time/Time';
import { Text } from '../../view/Name';
import { AdoptIssuer, RequestIssuer, ShowRequest } from './CompanyDialogs';
import { PemLink } from './Pem';

interface Props {
  of: Schemas['Authority'];
  /** Why nothing can be changed. */
  not: string | undefined;
  level: string | undefined;
}

/** The roots and issuers of each purpose, those in force first. */
export function AuthorityTab({ of: authority, not, level }: Props) {
  const { t } = useTranslation();
  const [asks, setAsks] = useState<{ what: 'request' | 'show' | 'adopt'; purpose: string }>();
  const close = () => setAsks(undefined);
  const waiting = authority.purposes.find((p) => p.purpose === asks?.purpose)?.request;
  // The key of an issuer of signers is never made at a Cockpit of this level.
  const notFor = (purpose: string) =>
    not ?? (purpose === 'signing' && level === 'high' ? t('certificates.signersElsewhere') : undefined);
  return (
    <div className="stack">
      {authority.purposes.map((p) => (
        <section key={p.purpose} aria-labelledby={`purpose-${p.purpose}`} className="stack-small">
          <div className="spread">
            <h2 id={`purpose-${p.purpose}`}>{t(`certificates.for_${p.purpose}`, p.purpose)}</h2>
            <span className="row">
              {!p.request && (
                <Act not={notFor(p.purpose)} onClick={() => setAsks({ what: 'request', purpose: p.purpose })}>
                  {t('certificates.request_.verb')}
                </Act>
              )}
              {p.roots && (
                <PemLink pem={p.roots} name={`signet-${p.purpose}-trust.pem`}>
                  {t('certificates.roots')}
                </PemLink>
              )}
            </span>
          </div>
          <p className="second">
            {t(`certificates.about_${p.purpose}`)} {!p.issues && t('certificates.elsewhere')}
          </p>
          {p.request && (
            <p className="note">
              <Icon name="hourglass" />
              <span>{t('certificates.request_.waits')}</span>
              <Act onClick={() => setAsks({ what: 'show', purpose: p.purpose })}>{t('certificates.request_.show')}</Act>
              <Act not={notFor(p.purpose)} onClick={() => setAsks({ what: 'adopt', purpose: p.purpose })}>
                {t('certificates.adopt.verb')}
              </Act>
            </p>
          )}
          <table className="plain-table" aria-labelledby={`purpose-${p.purpose}`}>
            <thead>
              <tr>
                <th>{t('certificates.authority')}</th>
                <th>{t('parts.ends')}</th>
                <th className="wide-cell">{t('certificates.key')}</th>
                <th className="wide-cell">{t('certificates.fingerprint')}</th>
              </tr>
            </thead>
            <tbody>
              {p.members.map((m) => (
                <Member key={m.serial} of={m} />
              ))}
            </tbody>
          </table>
        </section>
      ))}
      {asks?.what === 'request' && (
        <RequestIssuer
          purpose={asks.purpose}
          onAsked={() => setAsks({ what: 'show', purpose: asks.purpose })}
          onClose={() => setAsks((a) => (a?.what === 'show' ? a : undefined))}
        />
      )}
      {asks?.what === 'show' && waiting && <ShowRequest purpose={asks.purpose} request={waiting} onClose={close} />}
      {asks?.what === 'adopt' && <AdoptIssuer purpose={asks.purpose} onClose={close} />}
    </div>
  );
}

function Member({ of: m }: { of: Schemas['AuthorityMember'] }) {
  const { t } = useTranslation();
  return (
    <tr data-testid="row" data-key={m.serial} data-state={m.state}>
      <td>
        <b>{t(`certificates.${m.kind}`, m.kind)}</b>
        {m.state !== 'inForce' && <p>{t(`certificates.member_${m.state}`, m.state)}</p>}
        <p className="second">
          <Text>{m.subject}</Text>
        </p>
      </td>
      <td>
        <CertificateBadge notAfter={m.until} good={m.ends === 'good'} />
        <p className="second">
          <Time at={m.until} />
        </p>
      </td>
      <td className="wide-cell">{t(m.key ? 'certificates.keyHere' : 'certificates.keyElsewhere')}</td>
      <td className="wide-cell">
        <code className="mono digest">{grouped(m.fingerprint)}</code>
      </td>
    </tr>
  );
}
