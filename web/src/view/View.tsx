import { Button } from '@mantine/core';
import type { UseQueryResult } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { Problem } from '../api/client';
import { useTitle } from '../frame/Frame';
import './view.css';

interface ViewProps {
  /** Name of the view, for tests and for styles. */
  name: string;
  title: ReactNode;
  /** The title as a text, for the browser's tab. */
  tab: string;
  badges?: ReactNode;
  actions?: ReactNode;
  /** The first data have come. */
  ready: boolean;
  /** It takes the height of the window and scrolls inside. */
  fill?: boolean;
  children: ReactNode;
}

/** A page: its heading, its actions, and what it shows. */
export function View({ name, title, tab, badges, actions, ready, fill, children }: ViewProps) {
  useTitle(tab);
  return (
    <main className={fill ? 'page page-fill' : 'page'} data-view={name} data-ready={ready}>
      <div className="page-head">
        <h1>{title}</h1>
        {badges}
        {actions && <div className="actions">{actions}</div>}
      </div>
      {children}
    </main>
  );
}

interface ShownProps<T> {
  query: UseQueryResult<T>;
  children: (data: T) => ReactNode;
  /** What stands there until the first data come. */
  skeleton?: ReactNode;
}

/** Shows what a query has brought: old data stay until new ones come; an error says what to do. */
export function Shown<T>({ query, children, skeleton }: ShownProps<T>) {
  if (query.data !== undefined) {
    return (
      <>
        {query.isError && <ProblemLine problem={query.error} onAgain={() => void query.refetch()} />}
        {children(query.data)}
      </>
    );
  }
  if (query.isError) return <ProblemBox problem={query.error} onAgain={() => void query.refetch()} />;
  return skeleton ?? <Skeleton />;
}

/** Bars in the place of text that is to come. */
export function Skeleton({ rows = 4 }: { rows?: number }) {
  const { t } = useTranslation();
  return (
    <div className="skeleton" role="status" aria-label={t('view.loading')}>
      {Array.from({ length: rows }, (_, i) => (
        <span key={i} />
      ))}
    </div>
  );
}

function useWords(problem: Error): { title: string; text: string; code: string } {
  const { t } = useTranslation();
  if (!(problem instanceof Problem)) return { title: t('view.error'), text: problem.message, code: '' };
  const code = t('view.code', { code: problem.code });
  if (problem.kind === 'offline') return { title: t('view.error'), text: t('view.noConnection'), code: '' };
  if (problem.kind === 'forbidden')
    return { title: t('view.denied'), text: t('view.deniedText'), code: problem.message };
  if (problem.kind === 'notFound') return { title: t('view.notFound'), text: problem.message, code };
  return { title: t('view.error'), text: problem.message, code };
}

/** Stands where data would be, and says why there are none and what to do. */
export function ProblemBox({ problem, onAgain }: { problem: Error; onAgain?: () => void }) {
  const { t } = useTranslation();
  const words = useWords(problem);
  return (
    <div className="message" role="alert">
      <h2>{words.title}</h2>
      <p>{words.text}</p>
      {words.code && <p className="caption">{words.code}</p>}
      {onAgain && (
        <Button variant="default" onClick={onAgain}>
          {t('view.again')}
        </Button>
      )}
    </div>
  );
}

function ProblemLine({ problem, onAgain }: { problem: Error; onAgain: () => void }) {
  const { t } = useTranslation();
  const words = useWords(problem);
  return (
    <p className="problem-line" role="alert">
      {words.text} <span className="faint">{words.code}</span>{' '}
      <button type="button" className="link" onClick={onAgain}>
        {t('view.again')}
      </button>
    </p>
  );
}

/** Says that there is nothing, and what one can do about it. */
export function Empty({ title, children, action }: { title: string; children?: ReactNode; action?: ReactNode }) {
  return (
    <div className="message">
      <h2>{title}</h2>
      {children && <p>{children}</p>}
      {action}
    </div>
  );
}
