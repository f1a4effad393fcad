import './trusted';
import './theme/styles.css';
import { setNonce } from 'get-nonce';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { App } from './App';
import { startTexts } from './i18n/i18n';
import { beginSession } from './session/session';

/** The value that style elements have to carry: see the Content-Security-Policy. */
const nonce = document.querySelector<HTMLMetaElement>('meta[name=csp-nonce]')?.nonce ?? '';
setNonce(nonce);
const texts = startTexts();

const root = document.getElementById('root');
if (root) {
  const show = () =>
    createRoot(root).render(
      <StrictMode>
        <App nonce={nonce} />
      </StrictMode>,
    );
  // Whether there is a session is known before the first page is drawn, so that
  // none flickers. If the Cockpit doesn't answer, the page says so itself.
  void Promise.allSettled([texts, beginSession()]).then(show);
}
