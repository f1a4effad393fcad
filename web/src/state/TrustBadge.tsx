import { useTranslation } from 'react-i18next';
import { Shown } from './Badge';
import type { Look } from './status';

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
  const word =
    detail === undefined ? t(`trustMaterial.${status}`, status) : t('trustMaterial.behindParts', { count: detail });
  return <Shown status={status} look={looks[status] ?? unknown} word={word} />;
}

/** That a part hasn't got all that was sent to it; nothing if it has. */
export function BehindBadge({ count }: { count: number | undefined }) {
  const { t } = useTranslation();
  if (!count) return null;
  return (
    <span title={t('trustMaterial.behindHelp')}>
      <Shown status="behind" look={older} word={t('trustMaterial.behind', { count })} />
    </span>
  );
}
