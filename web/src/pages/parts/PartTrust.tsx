import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { api, take, type Schemas } from '../../api/client';
import { TrustBadge } from '../../state/TrustBadge';
import { Time } from '../../time/Time';
import { Text } from '../../view/Name';
import { Shown } from '../../view/View';

/** Which revocation lists one part holds, and which trust policy is in force there. */
export function PartTrust({ part, name, controller }: { part: string; name: string; controller?: string | undefined }) {
  const { t } = useTranslation();
  const query = useQuery({
    queryKey: ['agents', 'trust', part, name],
    queryFn: () =>
      take(
        api.GET('/parts/{part}/{name}/trust', {
          params: { path: { part, name }, query: { ...(controller && { controller }) } },
        }),
      ),
    refetchInterval: 10_000,
    retry: false,
  });
  return (
    <section aria-labelledby="trust" className="stack-small">
      <h2 id="trust">{t('trustMaterial.title')}</h2>
      <Shown query={query}>{(x) => <Held of={x} />}</Shown>
    </section>
  );
}

function Held({ of }: { of: Schemas['PartTrust'] }) {
  const { t } = useTranslation();
  if (!of.told) return <p className="faint">{t('trustMaterial.untold')}</p>;
  const policy = of.policy;
  if (of.lists.length === 0 && !policy) return <p className="faint">{t('trustMaterial.nothing')}</p>;
  return (
    <>
      <table className="plain-table" aria-labelledby="trust">
        <thead>
          <tr>
            <th>{t('trustMaterial.what')}</th>
            <th>{t('order.state')}</th>
            <th className="number">{t('trustMaterial.here')}</th>
            <th className="number">{t('trustMaterial.newest')}</th>
          </tr>
        </thead>
        <tbody>
          {policy && (
            <tr data-testid="row" data-key="policy">
              <td className="trust-what">{t('trustMaterial.policy')}</td>
              <td>
                <PolicyState of={policy} />
              </td>
              <td className="number">{policy.version}</td>
              <td className="number">{policy.published}</td>
            </tr>
          )}
          {of.lists.map((l) => (
            <tr key={l.id} data-testid="row" data-key={l.id}>
              <td className="trust-what">
                {t('trustMaterial.list')}
                <p className="second">
                  <Text>{l.issuer}</Text>
                </p>
              </td>
              <td>
                <TrustBadge status={l.state} />
                <Code of={l.code} />
              </td>
              <td className="number">{l.held}</td>
              <td className="number">{l.number}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <p className="caption">
        {t('trustMaterial.toldAt')} <Time at={of.heard} />
      </p>
    </>
  );
}

/** How a part is ruled: by which policy, by none, or by nothing at all. */
function PolicyState({ of: p }: { of: Schemas['PartPolicy'] }) {
  const { t } = useTranslation();
  if (!p.required)
    return (
      <>
        <TrustBadge status="foreign" />
        <p className="second">{t('trustMaterial.noRoots')}</p>
      </>
    );
  if (!p.version)
    return (
      <>
        <TrustBadge status={p.state === 'refused' ? 'refused' : 'missing'} />
        <p className="second">{t('trustMaterial.noPolicy')}</p>
        <Code of={p.code} />
      </>
    );
  return (
    <>
      <TrustBadge status={p.state ?? 'current'} />
      <Code of={p.code} />
    </>
  );
}

/** Why a part refuses something. */
function Code({ of }: { of: string | undefined }) {
  const { t } = useTranslation();
  if (!of) return null;
  return <p className="second">{t(`trustMaterial.code_${of}`, of)}</p>;
}
