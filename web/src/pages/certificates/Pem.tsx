import { useState, type ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { Act } from '../../dialogs/Act';

/** Gives a PEM text as a file. */
export function PemLink({ pem, name, children }: { pem: string; name: string; children: ReactNode }) {
  return (
    <a
      className="button pem-link"
      href={`data:application/x-pem-file;charset=utf-8,${encodeURIComponent(pem)}`}
      download={name}
    >
      {children}
    </a>
  );
}

/** A text that is to be taken elsewhere, as it stands there. */
export function Copied({ label, text }: { label: string; text: string }) {
  const { t } = useTranslation();
  const [done, setDone] = useState<'copied' | 'notCopied'>();
  const copy = () =>
    void navigator.clipboard.writeText(text).then(
      () => setDone('copied'),
      () => setDone('notCopied'),
    );
  return (
    <div className="stack-small">
      <div className="spread">
        <b>{label}</b>
        <span className="row">
          <span role="status" className="caption">
            {done && t(`workflow.${done}`)}
          </span>
          <Act onClick={copy}>{t('workflow.copy')}</Act>
        </span>
      </div>
      <pre className="mono to-copy" tabIndex={0} aria-label={label}>
        {text}
      </pre>
    </div>
  );
}
