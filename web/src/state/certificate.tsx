import { useTranslation } from 'react-i18next';
import { formatAge, formatMoment } from '../time/format';
import { useNow, useZone } from '../time/Time';
import { Icon } from './Icon';
import type { Look } from './status';
import './badge.css';

const day = 86_400_000;

/** What the end of a certificate looks like: the closer, the louder. */
export function certificateLook(notAfter: number, now: number): Look & { word: 'over' | 'endsIn' } {
  const left = notAfter - now;
  if (left <= 0) return { family: 'fail', form: 'filled', icon: 'seal-broken', word: 'over' };
  if (left <= 3 * day) return { family: 'attn', form: 'filled', icon: 'hourglass', word: 'endsIn' };
  if (left <= 30 * day) return { family: 'attn', form: 'outlined', icon: 'hourglass', word: 'endsIn' };
  return { family: 'ok', form: 'outlined', icon: 'seal', word: 'endsIn' };
}

/** When a certificate ends; the moment itself is in the title. */
export function CertificateBadge({ notAfter }: { notAfter: number }) {
  const { t } = useTranslation();
  const now = useNow(60_000);
  const zone = useZone();
  const look = certificateLook(notAfter, now);
  const left = notAfter - now;
  return (
    <span
      className={`badge ${look.family} ${look.form}`}
      data-status={look.word}
      title={`${formatMoment(notAfter, zone)} ${zone}`}
    >
      <Icon name={look.icon} size={14} />
      <span>{t(`parts.${look.word}`, { time: formatAge(Math.abs(left)) })}</span>
    </span>
  );
}
