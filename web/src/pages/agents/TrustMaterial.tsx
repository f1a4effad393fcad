import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { api, take, type Schemas } from '../../api/client';
import { TrustBadge } from '../../state/TrustBadge';
import { Time } from '../../time/Time';
import { Text } from '../../view/Name';
import { Shown } from '../../view/View';
import { PartLink } from '../parts/PartPage';

/** How many parts are named that are behind; the pages of the others tell it. */
const mostNamed = 5;

/** What is sent to all parts: revocation lists and the trust policy, and who hasn't got them. */
export function TrustMaterial() {
  const { t } = useTranslation();
  const lists = useQuery({
    queryKey: ['agents', 'revocations'],
    queryFn: () => take(api.GET('/certificates/revocations')),
    refetchInterval: 10_000,
  });
  const policy = useQuery({
    queryKey: ['agents', 'policy'],
    queryFn: () => take(api.GET('/trust-policy')),
    refetchInterval: 10_000,
  });
  return (
    <Shown query={policy}>
      {(p) => (
        <Shown query={lists}>
          {(l) =>
            l.lists.length === 0 && !p.published ? (
              <p className="faint">{t('trustMaterial.nothingSent')}</p>
            ) : (
              <table className="plain-table" aria-labelledby="trust">
                <thead>
                  <tr>
                    <th>{t('trustMaterial.what')}</th>
                    <th className="number">{t('trustMaterial.newest')}</th>
                    <th>{t('trustMaterial.heldBy')}</th>
                    <th className="wide-cell">{t('trustMaterial.madeAt')}</th>
                  </tr>
                </thead>
                <tbody>
                  {p.published && p.holders && (
                    <Row
                      id="policy"
                      what={t('trustMaterial.policy')}
                      of={p.published.audience.join(', ')}
                      version={p.published.version.toString()}
                      made={p.published.issued}
                      holders={p.holders}
                    />
                  )}
                  {l.lists.map((x) => (
                    <Row
                      key={x.id}
                      id={x.id}
                      what={t('trustMaterial.list')}
                      of={x.issuer}
                      version={x.number}
                      made={x.from}
                      holders={x.holders}
                    />
                  ))}
                </tbody>
              </table>
            )
          }
        </Shown>
      )}
    </Shown>
  );
}

interface RowProps {
  id: string;
  what: string;
  of: string;
  version: string;
  made: number;
  holders: Schemas['Holders'];
}

function Row({ id, what, of, version, made, holders: h }: RowProps) {
  const { t } = useTranslation();
  const named = h.parts.slice(0, mostNamed);
  return (
    <tr data-testid="row" data-key={id}>
      <td className="trust-what">
        {what}
        <p className="second">
          <Text>{of}</Text>
        </p>
      </td>
      <td className="number">{version}</td>
      <td>
        {h.behind > 0 ? (
          <TrustBadge status={named.some((p) => p.state === 'refused') ? 'refused' : 'older'} detail={h.behind} />
        ) : (
          <TrustBadge status="current" />
        )}
        {named.map((p) => (
          <p className="second" key={`${p.part} ${p.name}`}>
            <PartLink part={p.part} name={p.name} />
            {': '}
            {p.code
              ? t(`trustMaterial.code_${p.code}`, p.code)
              : p.version
                ? t('trustMaterial.has', { version: p.version })
                : t('trustMaterial.hasNone')}
          </p>
        ))}
        {h.behind > named.length && (
          <p className="second">{t('trustMaterial.more', { count: h.behind - named.length })}</p>
        )}
        <p className="caption">
          {t('trustMaterial.holders', { count: h.current })}
          {h.unknown > 0 && <> · {t('trustMaterial.untoldBy', { count: h.unknown })}</>}
          {h.foreign > 0 && <> · {t('trustMaterial.foreignTo', { count: h.foreign })}</>}
        </p>
      </td>
      <td className="wide-cell second">
        <Time at={made} />
      </td>
    </tr>
  );
}
