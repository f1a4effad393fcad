import { useTranslation } from 'react-i18next';
import type { Schemas } from '../../api/client';
import { grouped } from '../../bytes';
import { CertificateBadge } from '../../state/certificate';
import { Time } from '../../time/Time';
import { Text } from '../../view/Name';
import { PemLink } from './Pem';

/** The roots and issuers of each purpose, those in force first. */
export function AuthorityTab({ of: authority }: { of: Schemas['Authority'] }) {
  const { t } = useTranslation();
  return (
    <div className="stack">
      {authority.purposes.map((p) => (
        <section key={p.purpose} aria-labelledby={`purpose-${p.purpose}`} className="stack-small">
          <div className="spread">
            <h2 id={`purpose-${p.purpose}`}>{t(`certificates.for_${p.purpose}`, p.purpose)}</h2>
            <PemLink pem={p.roots} name={`signet-${p.purpose}-trust.pem`}>
              {t('certificates.roots')}
            </PemLink>
          </div>
          <p className="second">
            {t(`certificates.about_${p.purpose}`)} {!p.issues && t('certificates.elsewhere')}
          </p>
          <table className="plain-table" aria-labelledby={`purpose-${p.purpose}`}>
            <thead>
              <tr>
                <th className="part-name">{t('certificates.authority')}</th>
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
