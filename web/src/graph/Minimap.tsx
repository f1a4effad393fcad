import { useEffect, useRef, type KeyboardEvent, type PointerEvent } from 'react';
import { useTranslation } from 'react-i18next';
import type { Family } from '../theme/tokens';
import type { Layout } from './layout';
import type { Size, View } from './view';

const most = { w: 176, h: 144 };

interface Props {
  layout: Layout;
  view: View;
  size: Size;
  /** The family of what is most urgent at a step, by key. */
  families: ReadonlyMap<string, Family>;
  /** Moves a point of the picture into the window's middle. */
  onGo: (x: number, y: number) => void;
}

/** The whole picture, small, with the window in it. */
export function Minimap({ layout, view, size, families, onGo }: Props) {
  const { t } = useTranslation();
  const canvas = useRef<HTMLCanvasElement>(null);
  // A long sequence is pressed together, or nothing of its width would be seen.
  const k = Math.min(most.w / layout.width, most.h / layout.height);
  const kx = Math.min(most.w / layout.width, Math.max(k, 64 / layout.width));
  const ky = Math.min(most.h / layout.height, Math.max(k, 64 / layout.height));
  const [w, h] = [layout.width * kx, layout.height * ky];
  useEffect(() => {
    const element = canvas.current;
    const pen = element?.getContext('2d');
    if (!element || !pen) return;
    const ratio = window.devicePixelRatio || 1;
    element.width = w * ratio;
    element.height = h * ratio;
    pen.scale(ratio, ratio);
    const style = getComputedStyle(element);
    const color = (name: string) => style.getPropertyValue(name);
    pen.lineWidth = 1;
    for (const b of layout.boxes) {
      const [x, y, bw, bh] = [b.x * kx, b.y * ky, Math.max(1, b.w * kx), Math.max(1, b.h * ky)];
      if (b.shape === 'block') {
        pen.strokeStyle = color('--line');
        pen.strokeRect(x, y, bw, bh);
      } else {
        pen.fillStyle = color('--control');
        pen.fillRect(x, y, bw, bh);
      }
    }
    // Over all others, and large enough to be seen.
    for (const b of layout.boxes) {
      const family = families.get(b.step.key);
      if (!family || b.shape === 'block') continue;
      const large = family === 'fail' || family === 'attn' ? 6 : 4;
      pen.fillStyle = color(`--${family}-fill`);
      pen.fillRect(b.x * kx, b.y * ky, Math.max(large, b.w * kx), Math.max(large, b.h * ky));
    }
  }, [layout, families, w, h, kx, ky]);

  const middle = { x: (size.w / 2 - view.x) / view.k, y: (size.h / 2 - view.y) / view.k };
  const point = (e: PointerEvent<HTMLDivElement>) => {
    if (e.type === 'pointermove' && !(e.buttons & 1)) return;
    const box = e.currentTarget.getBoundingClientRect();
    onGo((e.clientX - box.left) / kx, (e.clientY - box.top) / ky);
  };
  const press = (e: KeyboardEvent) => {
    const [dx, dy] = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[e.key] ?? [0, 0];
    if (!dx && !dy) return;
    e.preventDefault();
    e.stopPropagation();
    onGo(middle.x + ((dx ?? 0) * size.w) / 4 / view.k, middle.y + ((dy ?? 0) * size.h) / 4 / view.k);
  };
  return (
    <div
      className="minimap"
      role="application"
      aria-label={t('graph.minimap')}
      tabIndex={0}
      style={{ width: w, height: h }}
      onPointerDown={point}
      onPointerMove={point}
      onKeyDown={press}
    >
      <canvas ref={canvas} style={{ width: w, height: h }} aria-hidden="true" />
      <span
        className="minimap-window"
        style={{
          transform: `translate(${(-view.x / view.k) * kx}px,${(-view.y / view.k) * ky}px)`,
          width: (size.w / view.k) * kx,
          height: (size.h / view.k) * ky,
        }}
      />
    </div>
  );
}
