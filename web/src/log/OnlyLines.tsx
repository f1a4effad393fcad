import { useInfiniteQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { ProblemBox, Skeleton } from '../view/View';
import type { Feed } from './feed';
import { LogRow } from './LogRow';
import type { Query } from './LogBar';

/** At most so many pages of 500 lines are shown. */
const mostPages = 10;

interface Props {
  feed: Feed;
  /** What the lines have to have; undefined: errors. */
  query: Query | undefined;
  total: number;
  isDark: boolean;
  label: string;
  onLine: (n: number) => void;
}

/** Only the lines that match, with their numbers in the whole log. */
export function OnlyLines({ feed, query, total, isDark, label, onLine }: Props) {
  const { t } = useTranslation();
  const found = useInfiniteQuery({
    queryKey: ['log-lines', feed.textAddress(), query ?? null, total],
    queryFn: ({ pageParam, signal }) => feed.found(query, pageParam, signal),
    initialPageParam: 1,
    getNextPageParam: (last) => last.next,
    placeholderData: (old) => old,
  });
  if (found.isError) return <ProblemBox problem={found.error} onAgain={() => void found.refetch()} />;
  if (!found.data) return <Skeleton rows={12} />;
  const lines = found.data.pages.flatMap((page) => page.found ?? []);
  const full = found.data.pages.length >= mostPages;
  return (
    <div className="log-frame">
      <div className="log-scroll" role="log" aria-label={label} aria-live="off" tabIndex={0}>
        <div className="log-lines log-only">
          {lines.map((l) => (
            <LogRow
              key={l.n}
              line={l}
              feed={feed}
              isDark={isDark}
              times="clock"
              since={l.time}
              find={query && !query.regex ? query.text : undefined}
              exact={query?.case ?? false}
              look=""
              firstError={false}
              onLine={(n) => onLine(n)}
            />
          ))}
          {lines.length === 0 && !found.hasNextPage && <p className="log-nothing">{t('log.none')}</p>}
          {found.hasNextPage && !full && (
            <button
              type="button"
              className="log-tool"
              disabled={found.isFetchingNextPage}
              onClick={() => void found.fetchNextPage()}
            >
              {t('log.more')}
            </button>
          )}
          {found.hasNextPage && full && <p className="log-nothing">{t('log.tooMany', { count: lines.length })}</p>}
        </div>
      </div>
    </div>
  );
}
