import { useTranslation } from 'react-i18next';
import { OutcomeBadge } from '../state/Badge';
import { outcomeLooks } from '../state/status';
import { formatDuration } from '../time/format';
import { Time, useNow } from '../time/Time';
import { Name, Text } from '../view/Name';
import { bars, gaps, messageOf, scaleOf, type Step } from './timeline';
import './timeline.css';

interface Props {
  steps: readonly Step[];
  /** Opens the log of a step. */
  onOpen: (step: Step) => void;
}

/** The steps of an order over time; each row is one run of a step. */
export function Timeline({ steps, onOpen }: Props) {
  const { t } = useTranslation();
  const running = steps.some((s) => !s.end);
  const now = useNow(running ? 1000 : 60_000);
  const rows = bars(steps, now);
  if (rows.length === 0) return <p className="faint">{t('timeline.none')}</p>;
  const at = scaleOf(rows);
  const folded = gaps(rows);
  return (
    <div className="timeline" role="table" aria-label={t('timeline.title')}>
      <div className="timeline-row timeline-head" role="row">
        <span role="columnheader">{t('order.step')}</span>
        <span role="columnheader" className="wide-cell">
          {t('order.agent')}
        </span>
        <span role="columnheader">{t('timeline.outcome')}</span>
        <span role="columnheader" className="number">
          {t('timeline.duration')}
        </span>
        <span role="columnheader" className="wide-cell axis">
          <Time at={Math.min(...rows.map((r) => r.from))} dateless />
          <Time at={Math.max(...rows.map((r) => r.to))} dateless />
        </span>
      </div>
      {rows.map((r) => {
        const s = r.step;
        const message = messageOf(s);
        const family = outcomeLooks[r.outcome]?.family ?? 'off';
        return (
          <button
            type="button"
            key={`${s.orderId} ${s.start} ${JSON.stringify(s.position)} ${s.try}`}
            role="row"
            className="timeline-row"
            data-status={r.outcome}
            onClick={() => onOpen(s)}
          >
            <span role="cell" style={{ paddingInlineStart: 16 * r.depth }}>
              {r.branch && <span className="faint">{r.branch} · </span>}
              <Name of={s.label || s.job} most={32} />
              {s.try > 1 && <span className="second"> {t('timeline.try', { n: s.try })}</span>}
            </span>
            <span role="cell" className="wide-cell second">
              <Name of={s.agent} most={20} />
            </span>
            <span role="cell">
              <OutcomeBadge
                status={r.outcome}
                detail={s.returnCode ? t('order.returnCode', { code: s.returnCode }) : undefined}
              />
            </span>
            <span role="cell" className="number">
              {formatDuration(r.to - r.from)}
            </span>
            <span role="cell" className="wide-cell lane" aria-hidden="true">
              {folded.map((g) => (
                <span
                  key={g.from}
                  className="gap"
                  title={t('timeline.idle', { time: formatDuration(g.to - g.from) })}
                  style={{ insetInlineStart: `${100 * at(g.from)}%`, width: `${100 * (at(g.to) - at(g.from))}%` }}
                />
              ))}
              <span
                className={`bar-of ${family}`}
                style={{ insetInlineStart: `${100 * at(r.from)}%`, width: `${100 * (at(r.to) - at(r.from))}%` }}
              />
            </span>
            {message && (
              <span role="cell" className="timeline-message">
                <Text>{message}</Text>
              </span>
            )}
          </button>
        );
      })}
    </div>
  );
}
