import { Select } from '@mantine/core';
import { useNavigate } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import '@mantine/core/styles/Combobox.css';
import { Act } from '../../dialogs/Act';
import { logout, useSession } from '../../session/session';
import { choices, languages, setSettings, useSettings, type Settings } from '../../settings/settings';
import { formatAge } from '../../time/format';
import { Time, useZone } from '../../time/Time';
import { View } from '../../view/View';
import { Facts } from '../parts/PartPage';
import { Passkeys } from './Passkeys';
import { SigningKey } from './SigningKey';
import './profile.css';

/** Who I am here, what I may do, and how the pages behave for me. */
export default function ProfilePage() {
  const { t } = useTranslation();
  const session = useSession();
  const settings = useSettings();
  const navigate = useNavigate();
  const zone = useZone();
  if (session.kind !== 'open' && session.kind !== 'over') return null;
  const { me } = session;
  const leave = async () => {
    await logout();
    await navigate({ to: '/login' });
  };
  return (
    <View
      name="profile"
      title={<bdi>{me.account}</bdi>}
      tab={t('profile.title')}
      ready
      actions={<Act onClick={() => void leave()}>{t('frame.logout')}</Act>}
    >
      <section aria-labelledby="account" className="stack-small">
        <h2 id="account">{t('profile.account')}</h2>
        <Facts
          of={[
            [t('profile.role'), t(`profile.role_${me.role}`, me.role)],
            [t('profile.method'), t(`profile.method_${me.method}`, me.method)],
            [t('profile.ends'), <Time key="e" at={me.expiresAt} />],
            [t('profile.idle'), formatAge(me.idleMilliseconds)],
          ]}
        />
      </section>
      <SigningKey may={me.permissions.includes('deployments:manage')} />
      <Passkeys />
      <section aria-labelledby="may" className="stack-small">
        <h2 id="may">{t('profile.may')}</h2>
        <ul className="card permissions" aria-labelledby="may">
          {me.permissions.map((p) => (
            <li key={p}>
              {t(`profile.permission.${p.replace(':', '_')}`, p)} <span className="caption">{p}</span>
            </li>
          ))}
        </ul>
      </section>
      <section aria-labelledby="pages" className="stack-small">
        <h2 id="pages">{t('profile.pages')}</h2>
        <p className="second">{t('profile.pagesText')}</p>
        <div className="card settings">
          {(Object.keys(choices) as (keyof typeof choices)[]).map((name) => (
            <Select
              key={name}
              label={t(`frame.${name}`)}
              description={name === 'zone' ? t('profile.zoneNow', { zone }) : undefined}
              data={choices[name].map((value) => ({
                value,
                label: name === 'language' ? languages[value as Settings['language']] : t(`frame.${name}_${value}`),
              }))}
              value={settings[name]}
              allowDeselect={false}
              onChange={(value) => value && setSettings({ [name]: value } as Partial<Settings>)}
            />
          ))}
          <label className="check">
            <input
              type="checkbox"
              checked={settings.singleKeys}
              onChange={(e) => setSettings({ singleKeys: e.target.checked })}
            />
            {t('profile.singleKeys')}
          </label>
        </div>
      </section>
    </View>
  );
}
