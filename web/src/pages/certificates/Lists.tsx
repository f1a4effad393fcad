import { useTranslation } from 'react-i18next';
import type { Schemas } from '../../api/client';
import { Time } from '../../time/Time';
import { Text } from '../../view/Name';
import { Empty } from '../../view/View';

/** The revocation lists that are sent to all parts, the newest of each issuer. */
export function Lists({ of: lists }: { of: readonly Schemas['RevocationList'][] }) {
  const { t } = useTranslation();
  if (lists.length === 0) return <Empty title={t('certificates.noLists')}>{t('certificates.noListsText')}</Empty>;
  return (
    <div className="stack-small">
      <p className="second">{t('certificates.listsText')}</p>
      <table className="plain-table" aria-label={t('certificates.tab_lists')}>
        <thead>
          <tr>
            <th>{t('certificates.issuer')}</th>
            <th className="number">{t('certificates.revokedCount')}</th>
            <th className="number wide-cell">{t('certificates.number')}</th>
            <th className="wide-cell">{t('certificates.made')}</th>
            <th className="wide-cell">{t('certificates.next')}</th>
          </tr>
        </thead>
        <tbody>
          {lists.map((l) => (
            <tr key={l.id} data-testid="row" data-key={l.id}>
              <td>
                <Text>{l.issuer}</Text>
              </td>
              <td className="number">{l.revoked.toLocaleString()}</td>
              <td className="number wide-cell">{l.number}</td>
              <td className="wide-cell second">
                <Time at={l.from} />
              </td>
              <td className="wide-cell second">
                <Time at={l.until} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
