import { useQuery } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import { api, take } from '../api/client';
import { Mark } from '../frame/Mark';
import { setSettings, useSettings } from '../settings/settings';
import { environments } from '../theme/tokens';
import { LoginForm } from './LoginForm';
import './login.css';

export function useMethods() {
  return useQuery({ queryKey: ['methods'], queryFn: () => take(api.GET('/login/methods')), staleTime: 60_000 });
}

/** The page before all others: where am I, and how may I log in. */
export function LoginPage() {
  const { t } = useTranslation();
  const { language } = useSettings();
  const { next } = useSearch({ from: '/login' });
  const navigate = useNavigate();
  const methods = useMethods();
  const environment = environments[methods.data?.environment.color ?? 'ink'] ?? environments['ink'];
  return (
    <>
      <div className="band" style={{ background: environment?.fill }} />
      <main className="login" data-view="login" data-ready={methods.isSuccess}>
        <div className="card login-card">
          <div className="row login-head">
            <Mark />
            <h1>Signet</h1>
          </div>
          {methods.data && (
            <p className="row">
              <span className="chip" style={{ background: environment?.fill, color: environment?.text }}>
                {methods.data.environment.name}
              </span>
              <span className="second">{t('frame.level', { level: t(`level.${methods.data.securityLevel}`) })}</span>
              <span className="faint">{location.host}</span>
            </p>
          )}
          {methods.isError && <p role="alert">{t('view.noConnection')}</p>}
          <LoginForm
            methods={methods.data?.methods ?? ['password']}
            onDone={() => void navigate({ href: next ?? '/', replace: true })}
          />
          <p className="login-language">
            {(['en', 'de'] as const).map((l) => (
              <button
                key={l}
                type="button"
                className="link"
                aria-pressed={language === l}
                onClick={() => setSettings({ language: l })}
              >
                {l === 'en' ? 'English' : 'Deutsch'}
              </button>
            ))}
          </p>
        </div>
      </main>
    </>
  );
}
