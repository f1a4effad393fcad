import { useTranslation } from 'react-i18next';
import { useLive } from '../live/context';
import { useMay } from '../session/session';

/** Why the account can't do what needs a permission now; undefined if it can. */
export function useWhyNot(permission: string): string | undefined {
  const { t } = useTranslation();
  const may = useMay(permission);
  const { connection } = useLive();
  if (!may) return t('dialog.denied', { permission });
  return connection === 'offline' ? t('dialog.offline') : undefined;
}
