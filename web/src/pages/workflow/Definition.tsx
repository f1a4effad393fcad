import { useQuery } from '@tanstack/react-query';
import { useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Act } from '../../dialogs/Act';
import { Text } from '../../view/Name';
import { digestOf, tokens } from './json';

/** A longer text is shown without colours, lest the page becomes slow. */
const mostColored = 200_000;

/** The document itself: the very text that was signed, with its digest. */
export function Definition({ text }: { text: string }) {
  const { t } = useTranslation();
  const digest = useQuery({ queryKey: ['digest', text], queryFn: () => digestOf(text), staleTime: Infinity });
  const parts = useMemo(() => (text.length <= mostColored ? tokens(text) : undefined), [text]);
  const [copied, setCopied] = useState<'copied' | 'notCopied'>();
  const copy = () =>
    void navigator.clipboard.writeText(text).then(
      () => setCopied('copied'),
      () => setCopied('notCopied'),
    );
  return (
    <div className="definition">
      <div className="spread">
        <p className="second">
          {t('workflow.digest')}{' '}
          <code className="mono digest" data-testid="digest">
            {digest.data}
          </code>
        </p>
        <span className="row">
          <span role="status" className="caption">
            {copied && t(`workflow.${copied}`)}
          </span>
          <Act onClick={copy}>{t('workflow.copy')}</Act>
        </span>
      </div>
      <pre className="mono document" tabIndex={0} aria-label={t('workflow.document')} data-testid="document">
        {parts ? (
          parts.map((p, i) => (
            <span key={i} className={p.kind ? `code-${p.kind}` : undefined}>
              <Text lines>{p.text}</Text>
            </span>
          ))
        ) : (
          <Text lines>{text}</Text>
        )}
      </pre>
    </div>
  );
}
