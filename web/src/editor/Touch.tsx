import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import { api, take, type Schemas } from '../api/client';
import { canPasskeys, checkRelease, worksHere } from '../passkey/passkey';

/** Has the server make a release and keep it for those who sign it, and makes sure that it is what was asked for. */
export async function makeRelease(
  objects: readonly Schemas['ReleaseObject'][],
  reason: string,
  controller?: string,
): Promise<Schemas['KeptRelease']> {
  const params = { query: controller === undefined ? {} : { controller } };
  const made = await take(api.POST('/releases/prepare', { params, body: { objects: [...objects], reason } }));
  await checkRelease(made, objects, reason);
  return take(api.POST('/releases', { params, body: { document: made.document, objects: made.objects } }));
}

/** The account's passkeys that work on this page. */
export function usePasskeys(wanted: boolean) {
  return useQuery({
    queryKey: ['session', 'passkeys'],
    queryFn: () => take(api.GET('/me/passkeys')),
    enabled: wanted,
    select: ({ passkeys }) => passkeys.filter((p) => worksHere(p)),
  });
}

/** What to do at level High without a passkey, or instead of one. */
export function OtherWays({ none }: { none: boolean }) {
  const { t } = useTranslation();
  return (
    <div className="stack-small">
      {none && (
        <p className="note">
          {canPasskeys() ? t('touch.none') : t('passkeys.cannot')} <Link to="/profile">{t('profile.title')}</Link>
        </p>
      )}
      <details className="changes" open={none}>
        <summary>{t('touch.others')}</summary>
        <p className="second">{t('touch.byCommand')}</p>
        <pre className="trust-file" tabIndex={0}>
          signet deploy FOLDER --sign-with KEY
        </pre>
        <p className="second">{t('touch.byArchive')}</p>
        <pre className="trust-file" tabIndex={0}>
          signet export PATH --for-signing --release NAME -o NAME.zip
        </pre>
      </details>
    </div>
  );
}
