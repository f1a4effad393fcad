import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import { IconX } from '@tabler/icons-react';
import { api, take } from '../../api/client';
import type { Standing } from '../../graph/places';
import type { Tree } from '../../graph/tree';
import { stepName } from '../../graph/words';
import { OrderBadge } from '../../state/Badge';
import { stepOf } from '../../timeline/timeline';
import { Name, Text } from '../../view/Name';
import { readOrder, type Order } from '../order/order';
import { wayOf, type Way } from './way';

export interface Followed {
  id: string;
  order: Order | undefined;
  problem: Error | null;
  /** Its way, if it runs the version that is shown. */
  way: Way | undefined;
}

/** Follows an order: where it stands, and the way that it has come. */
export function useFollowed(id: string | undefined, tree: Tree, versionId: string): Followed | undefined {
  const order = useQuery({
    queryKey: ['order', id],
    queryFn: async () => readOrder(await take(api.GET('/orders/{id}', { params: { path: { id: id ?? '' } } }))),
    enabled: id !== undefined,
  });
  const steps = useQuery({
    queryKey: ['order', id, 'steps'],
    queryFn: async () => {
      const path = { id: id ?? '' };
      return (await take(api.GET('/orders/{id}/steps', { params: { path, query: { limit: 2000 } } }))).rows.map(stepOf);
    },
    enabled: id !== undefined,
  });
  const here = order.data?.workflow.versionId === versionId ? order.data : undefined;
  const position = here && JSON.stringify(here.position);
  const begun = steps.data && JSON.stringify(steps.data.map((s) => s.position));
  // Drawn anew only when it has moved: the texts stay the same while it runs.
  const way = useMemo(() => {
    if (position === undefined) return undefined;
    return wayOf(tree, JSON.parse(position) as Order['position'], JSON.parse(begun ?? '[]') as unknown[]);
  }, [tree, position, begun]);
  return id === undefined ? undefined : { id, order: order.data, problem: order.error, way };
}

interface Props {
  followed: Followed | undefined;
  stand: Standing;
  path: string;
  onFollow: (id: string | undefined) => void;
}

/** So many orders are offered; any other is followed from its own page. */
const most = 50;

/** Chooses an order to be followed, and says how the followed one is. */
export function Follow({ followed, stand, path, onFollow }: Props) {
  const { t } = useTranslation();
  const some = useMemo(() => [...new Set([...stand.at.values()].flatMap((h) => h.sample))].slice(0, most), [stand]);
  if (!followed) {
    if (some.length === 0) return null;
    return (
      <label className="follow-choice">
        <span className="hidden-text">{t('follow.choose')}</span>
        <select value="" onChange={(e) => onFollow(e.currentTarget.value || undefined)}>
          <option value="">{t('follow.choose')}</option>
          {some.map((id) => (
            <option key={id} value={id}>
              {id}
            </option>
          ))}
        </select>
      </label>
    );
  }
  const { order, way } = followed;
  return (
    <span className="follow" role="status" aria-label={t('follow.title')}>
      <Link to="/orders/$id" params={{ id: followed.id }}>
        <Name of={followed.id} most={28} />
      </Link>
      {order && <OrderBadge status={order.status} />}
      {way?.at && <Text>{stepName(way.at, t)}</Text>}
      {followed.problem && !order && <Text>{followed.problem.message}</Text>}
      {order && !way && (
        <Link
          to="/workflows/$"
          params={{ _splat: order.workflow.path }}
          search={{ version: order.workflow.versionId, order: followed.id }}
        >
          {t(order.workflow.path === path ? 'follow.otherVersion' : 'follow.otherWorkflow')}
        </Link>
      )}
      <button type="button" aria-label={t('follow.end')} title={t('follow.end')} onClick={() => onFollow(undefined)}>
        <IconX size={14} aria-hidden />
      </button>
    </span>
  );
}
