import { Link } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import type { Schemas } from '../../api/client';
import { OrderBadge } from '../../state/Badge';
import { Age } from '../../time/Time';
import { Name, Text } from '../../view/Name';

/** Orders in a narrow place: id, state, and why. */
export function OrderList({ rows }: { rows: readonly Schemas['OrderRow'][] }) {
  const { t } = useTranslation();
  return (
    <ul className="order-list">
      {rows.map((o) => (
        <li key={o.id}>
          <Link to="/orders/$id" params={{ id: o.id }}>
            <Name of={o.id} most={28} />
          </Link>
          <span className="spread">
            <OrderBadge
              status={o.status}
              detail={o.returnCode === undefined ? undefined : t('order.returnCode', { code: o.returnCode })}
            />
            <span className="faint">
              <Age since={o.since} />
            </span>
          </span>
          {o.reason && (
            <p className="second">
              <Text>{o.reason}</Text>
            </p>
          )}
        </li>
      ))}
    </ul>
  );
}
