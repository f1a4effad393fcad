import { Menu } from '@mantine/core';
import { useNavigate } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import { IconCheck, IconChevronDown } from '@tabler/icons-react';
import '../theme/menus.css';
import { logout, useSession } from '../session/session';
import { choices, languages, setSettings, useSettings, type Settings } from '../settings/settings';

/** What the person has chosen, and the way out. */
export default function AccountMenu({ onKeyMap }: { onKeyMap: () => void }) {
  const { t } = useTranslation();
  const session = useSession();
  const settings = useSettings();
  const navigate = useNavigate();
  if (session.kind !== 'open' && session.kind !== 'over') return null;
  const leave = async () => {
    await logout();
    await navigate({ to: '/login' });
  };
  return (
    <Menu position="bottom-end" width={220} shadow="none">
      <Menu.Target>
        <button type="button" className="account" aria-label={t('frame.account', { name: session.me.account })}>
          <bdi>{session.me.account}</bdi>
          <IconChevronDown size={14} aria-hidden />
        </button>
      </Menu.Target>
      <Menu.Dropdown>
        {(Object.keys(choices) as (keyof typeof choices)[]).map((name) => (
          <div key={name}>
            <Menu.Label>{t(`frame.${name}`)}</Menu.Label>
            {choices[name].map((value) => (
              <Menu.Item
                key={value}
                closeMenuOnClick={false}
                rightSection={settings[name] === value ? <IconCheck size={14} aria-hidden /> : undefined}
                aria-checked={settings[name] === value}
                role="menuitemradio"
                onClick={() => setSettings({ [name]: value } as Partial<Settings>)}
              >
                {name === 'language' ? languages[value as 'en' | 'de'] : t(`frame.${name}_${value}`)}
              </Menu.Item>
            ))}
          </div>
        ))}
        <Menu.Divider />
        <Menu.Item onClick={() => void navigate({ to: '/profile' })}>{t('profile.title')}</Menu.Item>
        <Menu.Item onClick={onKeyMap}>{t('keys.title')}</Menu.Item>
        <Menu.Item onClick={() => void leave()}>{t('frame.logout')}</Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
