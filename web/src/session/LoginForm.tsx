import { Button, PasswordInput, TextInput } from '@mantine/core';
import { useState, type FormEvent } from 'react';
import { useTranslation } from 'react-i18next';
import { Problem } from '../api/client';
import { login } from './session';

interface Props {
  methods: readonly string[];
  account?: string;
  onDone?: () => void;
}

/** The fields to log in with, on the page of its own and over a page whose session is over. */
export function LoginForm({ methods, account: known, onDone }: Props) {
  const { t } = useTranslation();
  const [account, setAccount] = useState(known ?? '');
  const [password, setPassword] = useState('');
  const [problem, setProblem] = useState<string>();
  const [busy, setBusy] = useState(false);

  const send = async (body: Parameters<typeof login>[0]) => {
    setBusy(true);
    setProblem(undefined);
    try {
      await login(body);
      onDone?.();
    } catch (p) {
      setProblem(p instanceof Problem ? (p.kind === 'offline' ? t('view.noConnection') : p.message) : String(p));
      setPassword('');
    } finally {
      setBusy(false);
    }
  };
  const submit = (e: FormEvent) => {
    e.preventDefault();
    void send({ account, password });
  };
  return (
    <form onSubmit={submit} className="stack">
      <TextInput
        label={t('login.account')}
        name="account"
        autoComplete="username"
        value={account}
        onChange={(e) => setAccount(e.currentTarget.value)}
        autoFocus={!known}
        required
        withAsterisk={false}
        readOnly={Boolean(known)}
      />
      <PasswordInput
        label={t('login.password')}
        name="password"
        autoComplete="current-password"
        value={password}
        onChange={(e) => setPassword(e.currentTarget.value)}
        autoFocus={Boolean(known)}
        visibilityToggleButtonProps={{ 'aria-label': t('login.show') }}
        required
        withAsterisk={false}
      />
      <div role="alert" className="login-problem">
        {problem}
      </div>
      <Button type="submit" loading={busy} fullWidth>
        {t('login.submit')}
      </Button>
      {methods.includes('certificate') && !known && (
        <Button variant="default" loading={busy} fullWidth onClick={() => void send({ method: 'certificate' })}>
          {t('login.certificate')}
        </Button>
      )}
    </form>
  );
}
