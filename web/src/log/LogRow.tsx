import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { OutcomeBadge } from '../state/Badge';
import { formatDuration, formatMoment } from '../time/format';
import { useZone } from '../time/Time';
import { Name } from '../view/Name';
import type { Feed, Line, Section } from './feed';
import { LineText } from './LineText';
import type { Times } from './LogBar';
import { outcomeOf } from './section';

interface Props {
  line: Line;
  feed: Feed;
  isDark: boolean;
  times: Times;
  /** When the step began. */
  since: number;
  find?: string | undefined;
  exact?: boolean;
  look: string;
  firstError: boolean;
  onLine: (n: number, extend: boolean) => void;
}

const channels: Record<string, string> = { stdout: 'out', stderr: 'err', mark: 'mark' };

/** A line of a log: its number, its time, its channel and its text. */
export function LogRow(p: Props) {
  const { t, i18n } = useTranslation();
  const { line } = p;
  const [whole, setWhole] = useState<{ text: string; invalid: readonly string[] | undefined }>();
  const channel = channels[line.channel] ?? line.channel;
  const shown = whole ?? line;
  return (
    <div className={`log-line ${p.look}`} data-line={line.n} data-channel={channel}>
      <button
        type="button"
        tabIndex={-1}
        className="log-number"
        aria-label={t('log.line', { n: line.n })}
        onClick={(e) => p.onLine(line.n, e.shiftKey)}
      >
        {line.n}
      </button>
      {p.times !== 'off' && <LineTime at={line.time} since={p.times === 'since' ? p.since : undefined} />}
      <span className="log-channel">{channel === 'out' ? '' : channel}</span>
      <span className="log-text">
        {line.bytes !== undefined && !whole && (
          <button
            type="button"
            className="log-whole"
            onClick={() =>
              void p.feed.read(line.n, 1, true).then((l) => {
                if (l[0]) setWhole({ text: l[0].text, invalid: l[0].invalid });
              })
            }
          >
            {t('log.showAll', { size: size(line.bytes, i18n.language) })}
          </button>
        )}
        <LineText text={shown.text} invalid={shown.invalid} dark={p.isDark} find={p.find} exact={p.exact ?? false} />
        {p.firstError && <span className="log-first-error">{t('log.firstError')}</span>}
      </span>
    </div>
  );
}

function LineTime({ at, since }: { at: number; since: number | undefined }) {
  const zone = useZone();
  const ms = String(((at % 1000) + 1000) % 1000).padStart(3, '0');
  return (
    <span className="log-time" title={`${formatMoment(at, zone)}.${ms} ${zone}`}>
      {since === undefined ? `${formatMoment(at, zone, false)}.${ms}` : `+${((at - since) / 1000).toFixed(3)}`}
    </span>
  );
}

function size(bytes: number, language: string): string {
  const [n, unit] = bytes < 1 << 20 ? [bytes / 1024, 'KiB'] : [bytes / (1 << 20), 'MiB'];
  return `${n.toLocaleString(language, { maximumFractionDigits: n < 10 ? 1 : 0 })} ${unit}`;
}

/** Says whose lines follow. */
export function SectionHead({ section, sticky }: { section: Section; sticky?: boolean }) {
  const { t } = useTranslation();
  const outcome = outcomeOf(section);
  const name = section.label || section.job || section.task;
  return (
    <div className={sticky ? 'log-head sticky' : 'log-head'} aria-hidden={sticky}>
      <strong>
        <Name of={name} />
      </strong>
      <span>{t('log.try', { n: section.try })}</span>
      {section.orderId.includes('|') && (
        <span className="second">
          <Name of={section.orderId} />
        </span>
      )}
      {section.agent && (
        <span className="second">
          <Name of={section.agent} />
        </span>
      )}
      {outcome && (
        <OutcomeBadge
          status={outcome}
          detail={section.returnCode ? t('order.returnCode', { code: section.returnCode }) : undefined}
        />
      )}
      {section.end !== undefined && <span className="second">{formatDuration(section.end - section.start)}</span>}
      {section.lines === 0 && <span className="faint">{t(section.complete ? 'log.silent' : 'log.silentSoFar')}</span>}
    </div>
  );
}

/** Says how the process ended. */
export function SectionEnd({ section }: { section: Section }) {
  const { t } = useTranslation();
  if (section.end === undefined) return null;
  const outcome = outcomeOf(section) ?? '';
  const after = formatDuration(section.end - section.start);
  const texts: Record<string, string> = {
    TimedOut: t('log.endTimedOut', { after }),
    Killed: t('log.endKilled', { after }),
    ProcessLost: t('log.endLost', { after }),
  };
  const text =
    texts[outcome] ??
    (section.returnCode === undefined
      ? t('log.endOther', { after })
      : t('log.endCode', { code: section.returnCode, after }));
  return (
    <div className={outcome === 'Succeeded' ? 'log-foot' : 'log-foot bad'}>
      <span>{text}</span>
    </div>
  );
}
