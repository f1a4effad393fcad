import type { ReactNode } from 'react';

/** Control and direction characters, which would hide or turn what stands there. */

const strange = /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/gu;

/** A text of others, as text: what can't be seen is shown as its number. Of several lines, if it may have some. */
export function Text({ children, lines }: { children: string; lines?: boolean }) {
  const parts: ReactNode[] = [];
  let from = 0;
  for (const m of children.matchAll(strange)) {
    if (lines && (m[0] === '\n' || m[0] === '\t')) continue;
    parts.push(children.slice(from, m.index));
    parts.push(
      <span key={m.index} className="control-char">
        {`U+${m[0].charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}`}
      </span>,
    );
    from = m.index + m[0].length;
  }
  parts.push(children.slice(from));
  return <bdi>{parts}</bdi>;
}

/** A path or id; a long one is folded in the middle, the end stays. */
export function Name({ of, most = 48 }: { of: string; most?: number }) {
  const chars = [...of];
  const short =
    chars.length <= most
      ? of
      : `${chars.slice(0, Math.floor(most / 3)).join('')}…${chars.slice(-Math.ceil((most * 2) / 3)).join('')}`;
  return (
    <span title={chars.length > most ? of : undefined}>
      <Text>{short}</Text>
    </span>
  );
}
