import { Button } from '@mantine/core';
import { keepPreviousData, useInfiniteQuery } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { useCallback } from 'react';
import { useTranslation } from 'react-i18next';
import { api, take, type Schemas } from '../../api/client';
import { Act } from '../../dialogs/Act';
import * as addresses from '../../search';
import { IssuedBadge } from '../../state/certificate';
import { FilterBar, type Filter } from '../../table/FilterBar';
import { Time } from '../../time/Time';
import { Name } from '../../view/Name';
import { Empty, Shown } from '../../view/View';

type Certificate = Schemas['IssuedCertificate'];
type Search = ReturnType<typeof addresses.certificates>;

const pageSize = 100;
const states = ['soon', 'valid', 'renewed', 'ended', 'revoked'] as const;

interface Props {
  /** Why nothing can be changed. */
  not: string | undefined;
  onOpen: (serial: string) => void;
  onRenew: (c: Certificate) => void;
  onRevoke: (c: Certificate) => void;
}

/** What the authority has issued, those first that end soon. */
export function Issued(p: Props) {
  const { t } = useTranslation();
  const search = useSearch({ from: '/frame/certificates' });
  const navigate = useNavigate({ from: '/certificates' });
  const onFilter = useCallback(
    (name: string, value: string | undefined) =>
      void navigate({ search: (s) => addresses.changed<Search>(s, { [name]: value }), replace: true }),
    [navigate],
  );
  const filter = {
    ...(search.purpose ? { purpose: search.purpose } : {}),
    ...(search.state ? { state: search.state } : {}),
    ...(search.q ? { text: search.q } : {}),
  };
  const query = useInfiniteQuery({
    queryKey: ['certificates', 'issued', filter],
    queryFn: ({ pageParam }) =>
      take(
        api.GET('/authority/certificates', {
          params: { query: { ...filter, limit: pageSize, ...(pageParam ? { cursor: pageParam } : {}) } },
        }),
      ),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.cursor,
    placeholderData: keepPreviousData,
    refetchInterval: 30_000,
  });
  const rows = query.data?.pages.flatMap((x) => x.certificates) ?? [];
  const total = query.data?.pages.at(-1)?.total ?? 0;
  const filtered = search.purpose !== undefined || search.state !== undefined || search.q !== undefined;
  const filters: Filter[] = [
    {
      name: 'state',
      label: t('certificates.anyState'),
      options: states.map((s) => ({ value: s, label: t(`certificates.state_${s}`) })),
    },
    {
      name: 'purpose',
      label: t('certificates.anyPurpose'),
      options: (['node', 'signing', 'user'] as const).map((x) => ({ value: x, label: t(`certificates.for_${x}`) })),
    },
    { name: 'q', label: t('certificates.find'), wide: true },
  ];
  return (
    <div className="stack">
      <FilterBar
        label={t('history.filters')}
        filters={filters}
        values={search}
        onChange={onFilter}
        onClear={filtered ? () => void navigate({ search: {} }) : undefined}
      />
      <Shown query={query}>
        {() =>
          rows.length === 0 ? (
            <Empty title={t(filtered ? 'certificates.noMatch' : 'certificates.none')}>
              {t(filtered ? 'certificates.noMatchText' : 'certificates.noneText')}
            </Empty>
          ) : (
            <>
              <table className="plain-table" aria-label={t('certificates.tab_issued')}>
                <thead>
                  <tr>
                    <th>{t('certificates.holder')}</th>
                    <th>{t('order.state')}</th>
                    <th className="wide-cell">{t('certificates.serial')}</th>
                    <th className="wide-cell" />
                  </tr>
                </thead>
                <tbody>
                  {rows.map((c) => (
                    <Row key={c.serial} of={c} {...p} />
                  ))}
                </tbody>
              </table>
              {query.hasNextPage && (
                <div className="row">
                  <Button
                    variant="default"
                    size="xs"
                    loading={query.isFetchingNextPage}
                    onClick={() => void query.fetchNextPage()}
                  >
                    {t('certificates.more')}
                  </Button>
                  <span className="caption">
                    {t('view.of', { shown: rows.length.toLocaleString(), total: total.toLocaleString() })}
                  </span>
                </div>
              )}
            </>
          )
        }
      </Shown>
    </div>
  );
}

const isInForce = (c: Certificate) => c.state !== 'ended' && c.state !== 'revoked';

/** What can be done with a certificate. One that renews itself needs nobody. */
export function CertificateActs({ of: c, not, onRenew, onRevoke }: Omit<Props, 'onOpen'> & { of: Certificate }) {
  const { t } = useTranslation();
  if (!isInForce(c)) return null;
  return (
    <>
      {!c.enrolled && c.state !== 'renewed' && (
        <Act not={not} onClick={() => onRenew(c)}>
          {t('certificates.renew.short')}
        </Act>
      )}
      <Act not={not} onClick={() => onRevoke(c)}>
        {t('certificates.revoke.short')}
      </Act>
    </>
  );
}

function Row({ of: c, not, onOpen, onRenew, onRevoke }: Props & { of: Certificate }) {
  const { t } = useTranslation();
  return (
    <tr data-testid="row" data-key={c.serial} data-holder={`${c.role}/${c.name}`} data-state={c.state}>
      <td>
        <button type="button" className="holder" onClick={() => onOpen(c.serial)}>
          <Name of={c.name} />
        </button>
        <p className="second">
          {t(`certificates.role_${c.role}`, c.role)}
          {c.enrolled && isInForce(c) && ` · ${t('certificates.enrolled')}`}
        </p>
      </td>
      <td>
        <IssuedBadge state={c.state} />
        <p className="second">
          {c.revokedAt === undefined ? t('certificates.until') : t('certificates.at')}{' '}
          <Time at={c.revokedAt ?? c.notAfter} />
        </p>
      </td>
      <td className="wide-cell second">
        <code title={c.serial}>{c.serial.slice(0, 16)}</code>
      </td>
      <td className="wide-cell">
        <div className="row-acts">
          <CertificateActs of={c} not={not} onRenew={onRenew} onRevoke={onRevoke} />
        </div>
      </td>
    </tr>
  );
}
