import { memo, type CSSProperties, type ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { dark, light, logGround } from '../theme/tokens';
import { parse, type Color, type Span, type Style } from './ansi';
import { contrast, css, fromHex, least, readable, type Rgb } from './contrast';

interface Props {
  text: string;
  invalid?: readonly string[] | undefined;
  dark: boolean;
  /** What is marked, regardless of case unless `exact`. */
  find?: string | undefined;
  exact?: boolean;
}

/** The text of a line, with the colours it asks for and nothing else of what it asks for. */
export const LineText = memo(function LineText({ text, invalid, dark, find, exact }: Props) {
  const { t } = useTranslation();
  const { spans, earlier } = parse(text, invalid);
  return (
    <bdi>
      {marked(spans, dark, find, exact ?? false, t('log.dropped'))}
      {earlier > 0 && <span className="log-earlier">{t('log.earlier', { count: earlier })}</span>}
    </bdi>
  );
});

/** Where the words begin that are looked for, in the text as it is seen. */
function wordsAt(text: string, find: string, exact: boolean): number[] {
  const where: number[] = [];
  const [hay, needle] = exact ? [text, find] : [text.toLowerCase(), find.toLowerCase()];
  // Some capitals have small letters of other lengths: then nothing is marked.
  if (needle === '' || hay.length !== text.length) return where;
  for (let i = hay.indexOf(needle); i >= 0 && where.length < 200; i = hay.indexOf(needle, i + needle.length)) {
    where.push(i);
  }
  return where;
}

function marked(
  spans: readonly Span[],
  isDark: boolean,
  find: string | undefined,
  exact: boolean,
  dropped: string,
): ReactNode[] {
  const words = find ? wordsAt(spans.map((s) => (s.kind === 'text' ? s.text : '')).join(''), find, exact) : [];
  const out: ReactNode[] = [];
  let at = 0;
  let w = 0;
  for (const [k, s] of spans.entries()) {
    if (s.kind !== 'text') {
      out.push(
        <span key={k} className={`log-box log-${s.kind}`} title={s.kind === 'dropped' ? dropped : s.title}>
          {s.kind === 'dropped' ? '' : s.text}
        </span>,
      );
      continue;
    }
    const parts: ReactNode[] = [];
    const end = at + s.text.length;
    let from = at;
    while (find && w < words.length && (words[w] ?? 0) < end) {
      const start = Math.max(words[w] ?? 0, at);
      const stop = Math.min((words[w] ?? 0) + find.length, end);
      parts.push(s.text.slice(from - at, start - at), <mark key={start}>{s.text.slice(start - at, stop - at)}</mark>);
      from = stop;
      if ((words[w] ?? 0) + find.length > end) break;
      w++;
    }
    parts.push(s.text.slice(from - at));
    at = end;
    const style = styleOf(s.style, isDark);
    out.push(
      style ? (
        <span key={k} style={style}>
          {parts}
        </span>
      ) : (
        <span key={k}>{parts}</span>
      ),
    );
  }
  return out;
}

function valueOf(c: Color, isDark: boolean): Rgb {
  return 'rgb' in c ? c.rgb : fromHex((isDark ? dark : light).ansi[c.index] ?? light.neutral.text);
}

/** The style of a piece: colours that can be read on this ground. */
export function styleOf(s: Style, isDark: boolean): CSSProperties | undefined {
  const style: CSSProperties = {};
  const theme = isDark ? dark : light;
  const paper = fromHex(isDark ? logGround.dark : logGround.light);
  const ink = fromHex(theme.neutral.text);
  let color = s.color && ('index' in s.color ? valueOf(s.color, isDark) : readable(s.color.rgb, paper));
  let ground = s.ground && valueOf(s.ground, isDark);
  if (s.inverse) [color, ground] = [ground ?? paper, color ?? ink];
  if (ground && contrast(color ?? ink, ground) >= least) {
    style.background = css(ground);
    style.color = css(color ?? ink);
  } else if (s.inverse && ground) {
    // The pair can't be read: the ground stays, in the colour of its text.
    style.background = css(ground);
    style.color = css(readable(color ?? ink, ground));
  } else if (color) {
    style.color = css(readable(color, paper));
  }
  if (s.bold) style.fontWeight = 700;
  if (s.italic) style.fontStyle = 'italic';
  if (s.underline) style.textDecoration = 'underline';
  return Object.keys(style).length > 0 ? style : undefined;
}
