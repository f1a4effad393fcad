import { Button } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import { api, take, type Schemas } from '../api/client';
import { grouped } from '../bytes';
import { canPasskeys, checkRelease, touch } from '../passkey/passkey';
import { Time } from '../time/Time';
import { Text } from '../view/Name';

type Key = Schemas['ObjectKey'];

/** Has the server make the release of drafts, and makes sure that it is what it says. */
export async function prepare(objects: readonly Key[], reason: string): Promise<Schemas['PreparedRelease']> {
  const release = await take(api.POST('/releases/prepare', { body: { objects: [...objects], reason } }));
  await checkRelease(release, objects);
  return release;
}

/** The account's passkeys that work on this page. */
export function usePasskeys(wanted: boolean) {
  return useQuery({
    queryKey: ['session', 'passkeys'],
    queryFn: () => take(api.GET('/me/passkeys')),
    enabled: wanted,
    select: ({ passkeys }) => passkeys.filter((p) => p.rpId === location.hostname),
  });
}

/** The release, and the button under which the browser asks for a key. */
export function Release({
  release,
  passkeys,
  busy,
  onSigned,
  onBack,
}: {
  release: Schemas['PreparedRelease'];
  passkeys: readonly Schemas['Passkey'][];
  busy: boolean;
  onSigned: (sign: () => Promise<Schemas['DeployRelease']>) => void;
  onBack: () => void;
}) {
  const { t } = useTranslation();
  const sign = async () => ({ document: release.document, evidence: [await touch(release.document, passkeys)] });
  return (
    <section className="card stack-small" aria-label={t('touch.release')}>
      <p>
        <b>{t('touch.number', { serial: String(release.serial) })}</b>{' '}
        <Text>{t('touch.for', { audience: release.audience })}</Text>
      </p>
      <p>
        <code className="digest" data-testid="digest">
          {grouped(release.sha256)}
        </code>
      </p>
      <p className="second">
        {t('touch.until')} <Time at={release.expires} />
      </p>
      <p className="second">{t('touch.cannotShow')}</p>
      <div className="row">
        <Button variant="default" size="xs" onClick={onBack} disabled={busy}>
          {t('touch.change')}
        </Button>
        <Button variant="filled" size="sm" loading={busy} onClick={() => onSigned(sign)} data-autofocus>
          {t('touch.sign')}
        </Button>
      </div>
    </section>
  );
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
          signet export PATH --for-signing --release NAME --out NAME.zip
        </pre>
      </details>
    </div>
  );
}
