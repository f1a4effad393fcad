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

const good: Look = { family: 'ok', form: 'outlined', icon: 'seal' };

/**
 * When a certificate ends; the moment itself is in the title. One that is good, though
 * its end is near, is short-lived and renewed by itself.
 */
export function CertificateBadge({ notAfter, good: isGood }: { notAfter: number; good?: boolean }) {
  const { t } = useTranslation();
  const now = useNow(60_000);
  const zone = useZone();
  const byEnd = certificateLook(notAfter, now);
  const look = isGood && byEnd.word === 'endsIn' ? { ...good, word: byEnd.word } : byEnd;
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

const issuedLooks: Record<string, Look> = {
  soon: { family: 'attn', form: 'filled', icon: 'hourglass' },
  valid: good,
  renewed: { family: 'off', form: 'outlined', icon: 'loop-clock' },
  ended: { family: 'off', form: 'outlined', icon: 'hourglass' },
  revoked: { family: 'off', form: 'outlined', icon: 'seal-broken' },
};

/** How a certificate is that the authority has issued. */
export function IssuedBadge({ state }: { state: string }) {
  const { t } = useTranslation();
  const look = issuedLooks[state] ?? good;
  return (
    <span className={`badge ${look.family} ${look.form}`} data-status={state}>
      <Icon name={look.icon} size={14} />
      <span>{t(`certificates.state_${state}`, state)}</span>
    </span>
  );
}
