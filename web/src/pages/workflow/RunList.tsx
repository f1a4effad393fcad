import { Link } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import type { Schemas } from '../../api/client';
import { OutcomeBadge } from '../../state/Badge';
import { Duration, Time } from '../../time/Time';
import { outcomeOf } from '../../timeline/timeline';
import { Name } from '../../view/Name';

/** The last runs of a step. */
export function RunList({ rows }: { rows: readonly Schemas['HistoryRow'][] }) {
  const { t } = useTranslation();
  return (
    <ul className="order-list">
      {rows.map((r) => (
        <li key={`${r.orderId} ${r.start} ${r.try}`}>
          <span className="spread">
            <Link to="/orders/$id" params={{ id: r.orderId }} search={{ tab: 'log' }}>
              <Name of={r.orderId} most={28} />
            </Link>
            {r.end ? <Duration ms={r.end - r.start} /> : null}
          </span>
          <span className="spread">
            <OutcomeBadge
              status={outcomeOf(r)}
              detail={r.returnCode ? t('order.returnCode', { code: r.returnCode }) : undefined}
            />
            <span className="faint">
              <Time at={r.start} />
            </span>
          </span>
        </li>
      ))}
    </ul>
  );
}
