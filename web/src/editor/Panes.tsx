import { useRef, useState, type KeyboardEvent, type PointerEvent, type ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { setSettings, useSettings } from '../settings/settings';

/** A pane has at least this share of the width. */
const least = 0.15;

/** So much an arrow key moves a border, as a share of the width. */
const step = 0.02;

const usual: Readonly<Record<string, number>> = { graph: 1.6, form: 1, code: 1.2 };

/** The shares of some panes, which make one together: as they were set, else as usual. */
export function sharesOf(panes: readonly string[], set: Readonly<Record<string, unknown>>): number[] {
  const wanted = panes.map((p) => {
    const share = set[p];
    return typeof share === 'number' && share > 0 && share < 100 ? share : (usual[p] ?? 1);
  });
  const sum = wanted.reduce((a, b) => a + b, 0);
  return wanted.map((w) => w / sum);
}

/** Moves the border behind a pane; neither side becomes too narrow. */
export function moved(shares: readonly number[], border: number, by: number): number[] {
  const [a, b] = [shares[border] ?? 0, shares[border + 1] ?? 0];
  const low = Math.min(least, a, b);
  const to = Math.min(a + b - low, Math.max(low, a + by));
  return shares.map((s, i) => (i === border ? to : i === border + 1 ? a + b - to : s));
}

interface Props {
  panes: readonly { name: string; content: ReactNode }[];
}

/** Panes side by side, whose borders are moved by hand or by keys; the widths are kept. */
export function Panes({ panes }: Props) {
  const { t } = useTranslation();
  const { panes: set } = useSettings();
  const box = useRef<HTMLDivElement>(null);
  const [drag, setDrag] = useState<{ border: number; from: number; shares: number[] }>();
  const [live, setLive] = useState<number[]>();
  const names = panes.map((p) => p.name);
  const shares = live?.length === names.length ? live : sharesOf(names, set);
  const keep = (to: readonly number[]) =>
    setSettings({ panes: { ...set, ...Object.fromEntries(names.map((n, i) => [n, to[i] ?? 1])) } });
  const press = (e: KeyboardEvent, border: number) => {
    const by = { ArrowLeft: -step, ArrowRight: step, Home: -1, End: 1 }[e.key];
    if (by === undefined) return;
    e.preventDefault();
    e.stopPropagation();
    keep(moved(shares, border, by));
  };
  const begin = (e: PointerEvent<HTMLElement>, border: number) => {
    if (e.button !== 0) return;
    e.currentTarget.setPointerCapture(e.pointerId);
    setDrag({ border, from: e.clientX, shares });
  };
  const move = (e: PointerEvent) => {
    const width = box.current?.clientWidth;
    if (drag && width) setLive(moved(drag.shares, drag.border, (e.clientX - drag.from) / width));
  };
  const end = () => {
    if (drag && live) keep(live);
    setDrag(undefined);
    setLive(undefined);
  };
  return (
    <div className="panes" data-panes={panes.length} ref={box}>
      {panes.map(({ name, content }, i) => (
        <div key={name} className="pane-box" style={{ flexGrow: shares[i] ?? 1 }}>
          {i > 0 && (
            <div
              className="splitter"
              role="separator"
              aria-orientation="vertical"
              aria-label={t('edit.splitter', {
                left: t(`edit.view.${names[i - 1]}`),
                right: t(`edit.view.${name}`),
              })}
              aria-valuenow={Math.round((shares[i - 1] ?? 0) * 100)}
              aria-valuemin={0}
              aria-valuemax={100}
              tabIndex={0}
              onKeyDown={(e) => press(e, i - 1)}
              onPointerDown={(e) => begin(e, i - 1)}
              onPointerMove={move}
              onPointerUp={end}
              onPointerCancel={end}
              onDoubleClick={() => setSettings({ panes: {} })}
            />
          )}
          {content}
        </div>
      ))}
    </div>
  );
}
