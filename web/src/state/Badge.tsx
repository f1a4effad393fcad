import { useTranslation } from 'react-i18next';
import { Icon } from './Icon';
import { objectLooks, orderLooks, outcomeLooks, partLooks, type Look } from './status';
import './badge.css';

interface Props {
  status: string;
  /** What stands behind the word: a return code, a count. */
  detail?: string | undefined;
}

/** A badge with its word. */
export function Shown({ look, word, status, detail }: Props & { look: Look; word: string }) {
  return (
    <span className={`badge ${look.family} ${look.form}`} data-status={status}>
      <Icon name={look.icon} size={14} />
      <span>
        {word}
        {detail ? `, ${detail}` : ''}
      </span>
    </span>
  );
}

const unknown: Look = { family: 'off', form: 'outlined', icon: 'circle' };

/** How an order is. */
export function OrderBadge(p: Props) {
  const { t } = useTranslation();
  return <Shown {...p} look={orderLooks[p.status] ?? unknown} word={t(`status.${p.status}`, p.status)} />;
}

/** How a step ended. */
export function OutcomeBadge(p: Props) {
  const { t } = useTranslation();
  return <Shown {...p} look={outcomeLooks[p.status] ?? unknown} word={t(`outcome.${p.status}`, p.status)} />;
}

/** How an Agent or a Controller is. */
export function PartBadge(p: Props) {
  const { t } = useTranslation();
  return <Shown {...p} look={partLooks[p.status] ?? unknown} word={t(`part.${p.status}`, p.status)} />;
}

/** How an object of the inventory is. */
export function ObjectBadge(p: Props) {
  const { t } = useTranslation();
  return <Shown {...p} look={objectLooks[p.status] ?? unknown} word={t(`object.${p.status}`, p.status)} />;
}
