import { useTranslation } from 'react-i18next';
import de from '../i18n/trust.de.json';
import en from '../i18n/trust.en.json';
import { i18n } from '../i18n/i18n';
import { Shown } from './Badge';
import type { Look } from './status';

// The texts about trust material come with the few pages that show it.
i18n.addResourceBundle('en', 'trust', en);
i18n.addResourceBundle('de', 'trust', de);

const older: Look = { family: 'attn', form: 'outlined', icon: 'hourglass' };
const unknown: Look = { family: 'off', form: 'outlined', icon: 'circle' };

const looks: Record<string, Look> = {
  current: { family: 'ok', form: 'outlined', icon: 'check' },
  older,
  missing: older,
  refused: { family: 'trust', form: 'filled', icon: 'seal-broken' },
  foreign: { family: 'off', form: 'outlined', icon: 'slash' },
};

/** How a part, or so many of them, stand to trust material that is sent to all. */
export function TrustBadge({ status, detail }: { status: string; detail?: number }) {
  const { t } = useTranslation();
  const word = detail === undefined ? t(`trust:${status}`, status) : t('trust:behindParts', { count: detail });
  return <Shown status={status} look={looks[status] ?? unknown} word={word} />;
}

/** That a part hasn't got all that was sent to it; nothing if it has. */
export function BehindBadge({ count }: { count: number | undefined }) {
  const { t } = useTranslation();
  if (!count) return null;
  return (
    <span title={t('trust:behindHelp')}>
      <Shown status="behind" look={older} word={t('trust:behind', { count })} />
    </span>
  );
}
