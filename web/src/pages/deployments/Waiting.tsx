import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import { api, take, type Schemas } from '../../api/client';
import { Table, type Column } from '../../table/Table';
import { Time } from '../../time/Time';
import { Name, Text } from '../../view/Name';
import { Empty, Shown } from '../../view/View';

type Kept = Schemas['KeptRelease'];

/** Releases that wait for signatures. */
export function useWaiting() {
  return useQuery({ queryKey: ['audit', 'releases'], queryFn: () => take(api.GET('/releases')) });
}

/** The list of them. */
export function Waiting() {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const query = useWaiting();
  return (
    <Shown query={query}>
      {({ releases }) =>
        releases.length === 0 ? (
          <Empty title={t('release.none')}>{t('release.noneText')}</Empty>
        ) : (
          <Table
            label={t('release.waiting')}
            rows={releases}
            columns={columns(t)}
            keyOf={(r) => String(r.id)}
            onOpen={(r) => void navigate({ to: '/deployments/releases/$id', params: { id: String(r.id) } })}
          />
        )
      }
    </Shown>
  );
}

function columns(t: ReturnType<typeof useTranslation>['t']): Column<Kept>[] {
  return [
    {
      id: 'name',
      title: t('deployments.release'),
      width: 'minmax(120px, 2fr)',
      cell: (r) => (
        <Link to="/deployments/releases/$id" params={{ id: String(r.id) }}>
          <Name of={r.name} most={40} />
        </Link>
      ),
    },
    {
      id: 'author',
      title: t('deployments.author'),
      width: 'minmax(80px, 1fr)',
      second: true,
      cell: (r) => <Name of={r.author} most={24} />,
    },
    {
      id: 'signatures',
      title: t('deployments.signers'),
      width: 'minmax(120px, 2fr)',
      cell: (r) =>
        r.signatures.length === 0 ? (
          <span className="faint">{t('release.nobody')}</span>
        ) : (
          <Text>{r.signatures.map((s) => s.account ?? t('release.brought')).join(', ')}</Text>
        ),
    },
    { id: 'until', title: t('touch.until'), width: '180px', second: true, cell: (r) => <Time at={r.expires} /> },
    {
      id: 'reason',
      title: t('dialog.reason'),
      width: 'minmax(0, 2fr)',
      wide: true,
      cell: (r) => <Text>{r.reason}</Text>,
    },
  ];
}
