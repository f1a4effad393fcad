import { useTranslation } from 'react-i18next';
import { Icon } from '../state/Icon';
import { Text } from '../view/Name';
import type { Finding } from './session';

interface Props {
  problems: readonly Finding[];
  onGo: (pointer: string | undefined, line: number | undefined) => void;
}

/** What is wrong with the draft, and the way there. */
export function Problems({ problems, onGo }: Props) {
  const { t } = useTranslation();
  if (problems.length === 0) return null;
  return (
    <section className="problems">
      <h2>{t('edit.problems', { count: problems.length })}</h2>
      <ul aria-label={t('edit.problemList')}>
        {problems.map((p, i) => (
          <li key={i} className="row">
            <Icon name="octagon" size={14} />
            <span>
              <Text>{[p.message, p.hint].filter(Boolean).join('; ')}</Text>
              <span className="faint">
                {' '}
                {p.pointer !== undefined && <Text>{p.pointer}</Text>}
                {p.line !== undefined && ` ${t('edit.line', { line: p.line })}`}
              </span>
            </span>
            <button type="button" className="link" onClick={() => onGo(p.pointer, p.line)}>
              {t('edit.goThere')}
            </button>
          </li>
        ))}
      </ul>
    </section>
  );
}
