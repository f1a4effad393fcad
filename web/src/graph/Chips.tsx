import { useTranslation } from 'react-i18next';
import { Icon } from '../state/Icon';
import { orderLooks } from '../state/status';
import { Name } from '../view/Name';
import { chips, total, type Counts, type Here } from './places';
import './chips.css';

/** How many orders are how, as signs with numbers. */
export function Counted({ counts }: { counts: Counts }) {
  const { t, i18n } = useTranslation();
  return (
    <>
      {chips(counts).map((c) => (
        <span
          key={c.status}
          className={`order-chip ${orderLooks[c.status]?.family} ${orderLooks[c.status]?.form}`}
          data-status={c.status}
          data-count={c.count}
          title={`${t(`status.${c.status}`)}: ${c.count}`}
        >
          <Icon name={orderLooks[c.status]?.icon ?? 'circle'} size={12} />
          <span>{c.count.toLocaleString(i18n.language)}</span>
          <span className="hidden-text">{t(`status.${c.status}`)}</span>
        </span>
      ))}
    </>
  );
}

interface Props {
  at: string;
  here: Here;
  onOpen: () => void;
}

/** The orders at a step: up to three by name, more as numbers. */
export function OrdersAt({ at, here, onOpen }: Props) {
  const { t, i18n } = useTranslation();
  const few = total(here.counts) === 1 && here.sample.length === 1;
  return (
    <>
      {chips(here.counts).map((c) => (
        <button
          key={c.status}
          type="button"
          className={`order-chip ${orderLooks[c.status]?.family} ${orderLooks[c.status]?.form}`}
          data-testid="orders-at"
          data-at={at}
          data-status={c.status}
          data-count={c.count}
          tabIndex={-1}
          title={here.sample.join('\n')}
          onClick={(e) => {
            e.stopPropagation();
            onOpen();
          }}
        >
          <Icon name={orderLooks[c.status]?.icon ?? 'circle'} size={12} />
          {few ? <Name of={here.sample[0] ?? ''} most={18} /> : <span>{c.count.toLocaleString(i18n.language)}</span>}
          <span className="hidden-text">{t(`status.${c.status}`)}</span>
        </button>
      ))}
    </>
  );
}

/** The same in words. */
export function useCountWords(): (counts: Counts | undefined) => string {
  const { t, i18n } = useTranslation();
  return (counts) =>
    counts
      ? chips(counts)
          .map((c) => `${c.count.toLocaleString(i18n.language)} ${t(`status.${c.status}`)}`)
          .join(', ')
      : '';
}
