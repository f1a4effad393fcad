import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, take, type Schemas } from '../api/client';
import { OutcomeBadge } from '../state/Badge';
import { resultName } from '../state/result';
import { formatDuration, formatMoment } from '../time/format';
import { Duration, Time, useZone } from '../time/Time';
import { Name, Text } from '../view/Name';
import { Shown } from '../view/View';
import { heightOf, picture, trendOf } from './trend';
import './stats.css';

interface Props {
  workflow: string;
  job: string;
  label: string;
}

const lastRuns = 20;
const listed = 5;

/** How a step has done lately: its usual time, the last runs, and how it has changed over the days. */
export function JobStats({ workflow, job, label }: Props) {
  const { t } = useTranslation();
  const of = { workflow, ...(label ? { label } : { job }) };
  const query = useQuery({
    queryKey: ['history', 'stats', of],
    queryFn: () => take(api.GET('/jobs/stats', { params: { query: { ...of, runs: lastRuns } } })),
  });
  return (
    <Shown query={query}>
      {(stats) =>
        stats.runs.length === 0 ? (
          <p className="faint">{t('stats.none')}</p>
        ) : (
          <div className="job-stats">
            <Usual stats={stats} />
            <LastLog run={stats.runs[0]} />
            <Bars stats={stats} />
            <Trend days={stats.days} />
            <Runs runs={stats.runs.slice(0, listed)} />
          </div>
        )
      }
    </Shown>
  );
}

type Stats = Schemas['JobStats'];

function Usual({ stats }: { stats: Stats }) {
  const { t } = useTranslation();
  const { count, p50, p95 } = stats.usual;
  const last = stats.runs[0];
  return (
    <p className="second">
      {count > 0
        ? t('stats.usual', { count, p50: formatDuration(p50), p95: formatDuration(p95) })
        : t('stats.noneSucceeded')}
      {last && last.result === 'succeeded' && count > 1 && p95 > 0 && last.end - last.start > p95 && (
        <b> {t('stats.slower', { time: formatDuration(last.end - last.start) })}</b>
      )}
    </p>
  );
}

function LastLog({ run }: { run: Stats['runs'][number] | undefined }) {
  const { t } = useTranslation();
  if (!run) return null;
  return (
    <Link
      className="button last-log"
      to="/orders/$id"
      params={{ id: run.orderId }}
      search={{ tab: 'log', ...(run.task ? { step: run.task } : {}) }}
    >
      {t('stats.lastLog')}
    </Link>
  );
}

/** The last runs as columns, the oldest first; each leads to its log. */
function Bars({ stats }: { stats: Stats }) {
  const { t } = useTranslation();
  const zone = useZone();
  const longest = Math.max(...stats.runs.map((r) => r.end - r.start));
  return (
    <div className="run-bars" role="group" aria-label={t('stats.last')}>
      {stats.runs.toReversed().map((r) => {
        const name = t('stats.run', {
          time: formatMoment(r.end, zone),
          outcome: t(`outcome.${resultName(r.result)}`),
          duration: formatDuration(r.end - r.start),
        });
        return (
          <Link
            key={r.event}
            to="/orders/$id"
            params={{ id: r.orderId }}
            search={{ tab: 'log', ...(r.task ? { step: r.task } : {}) }}
            aria-label={name}
            title={name}
          >
            <i
              className={r.result === 'succeeded' ? undefined : 'bad'}
              style={{ height: `${heightOf(r.end - r.start, stats.usual.p95, longest)}%` }}
            />
          </Link>
        );
      })}
    </div>
  );
}

const days = 30;
const dayMs = 86_400_000;

/** The days' durations as a line with a band above it; the same numbers as a table. */
function Trend({ days: all }: { days: Stats['days'] }) {
  const { t } = useTranslation();
  const [asTable, setAsTable] = useState(false);
  const last = all.at(-1);
  if (!last) return null;
  const trend = trendOf(all, last.day - (days - 1) * dayMs, last.day);
  const date = (ms: number) => new Date(ms).toISOString().slice(0, 10);
  const failed = all.reduce((n, d) => n + d.failed, 0);
  const name = t('stats.trend', {
    days: all.length,
    first: all[0] ? formatDuration(all[0].p50) : '',
    last: formatDuration(last.p50),
    failed,
  });
  return (
    <div className="trend">
      <p className="spread caption">
        <span>{t('stats.trendTitle', { most: formatDuration(trend.most) })}</span>
        <button type="button" className="link" aria-expanded={asTable} onClick={() => setAsTable(!asTable)}>
          {t(asTable ? 'stats.asChart' : 'stats.asTable')}
        </button>
      </p>
      {asTable ? (
        <table className="trend-table">
          <thead>
            <tr>
              <th scope="col">{t('stats.day')}</th>
              <th scope="col">{t('stats.runs')}</th>
              <th scope="col">{t('outcome.Failed')}</th>
              <th scope="col">{t('stats.half')}</th>
              <th scope="col">{t('stats.most')}</th>
            </tr>
          </thead>
          <tbody>
            {all.toReversed().map((d) => (
              <tr key={d.day}>
                <th scope="row">{date(d.day)}</th>
                <td>
                  {d.count}
                  {d.more && '+'}
                </td>
                <td>{d.failed}</td>
                <td>{d.count > d.failed ? formatDuration(d.p50) : '–'}</td>
                <td>{d.count > d.failed ? formatDuration(d.p95) : '–'}</td>
              </tr>
            ))}
          </tbody>
        </table>
      ) : (
        <svg viewBox={`0 0 ${picture.w} ${picture.h + 8}`} role="img" aria-label={name}>
          <title>{name}</title>
          <path className="trend-band" d={trend.band} />
          <path className="trend-line" d={trend.line} />
          {trend.points.map((p) => (
            <circle key={p.day.day} className="trend-point" cx={p.x} cy={p.p50} r={2.5} />
          ))}
          {trend.failed.map((f) => (
            <path
              key={f.day.day}
              className="trend-failed"
              d={`M${f.x - 3} ${picture.h + 1}l6 6m0 -6l-6 6`}
              opacity={0.4 + 0.6 * f.share}
            />
          ))}
        </svg>
      )}
    </div>
  );
}

function Runs({ runs }: { runs: Stats['runs'] }) {
  const { t } = useTranslation();
  return (
    <ul className="order-list">
      {runs.map((r) => (
        <li key={r.event}>
          <span className="spread">
            <Link
              to="/orders/$id"
              params={{ id: r.orderId }}
              search={{ tab: 'log', ...(r.task ? { step: r.task } : {}) }}
              aria-label={t('stats.openLog', { order: r.orderId })}
            >
              <Name of={r.orderId} most={28} />
            </Link>
            <Duration ms={r.end - r.start} />
          </span>
          <span className="spread">
            <OutcomeBadge
              status={resultName(r.result)}
              detail={r.returnCode ? t('order.returnCode', { code: r.returnCode }) : undefined}
            />
            <span className="faint">
              <Time at={r.start} />
            </span>
          </span>
          {r.message && (
            <p className="second">
              <Text>{r.message}</Text>
            </p>
          )}
        </li>
      ))}
    </ul>
  );
}
