import { useEffect, useImperativeHandle, useRef, useState, type PointerEvent, type ReactNode, type Ref } from 'react';
import { flushSync } from 'react-dom';
import { useTranslation } from 'react-i18next';
import type { Family } from '../theme/tokens';
import type { Box, Edge, Layout } from './layout';
import { Minimap } from './Minimap';
import type { Step } from './tree';
import { useGestures } from './gestures';
import { Picture } from './Picture';
import { fit, held, into, sight, startAt, stepFrom, zoomAt, zoomOf, type Size, type View } from './view';
import { walk } from './walk';
import './graph.css';

interface Props {
  label: string;
  layout: Layout;
  /** Key of the chosen step. */
  selected: string | undefined;
  onSelect: (step: Step) => void;
  onFold: (step: Step, folded: boolean) => void;
  /** What is said of a step besides its name: how it looks, and in words. */
  about: (box: Box) => { look: string; said: string };
  /** The family of what is most urgent at a step, by key. */
  families: ReadonlyMap<string, Family>;
  /** What hangs on a step. It doesn't change while nothing else does. */
  marks: (box: Box) => ReactNode;
  /** What stands on a line, where a step can be put. It doesn't change while nothing else does. */
  places?: (edge: Edge) => ReactNode;
  /** What stands in the picture besides. */
  more?: ReactNode;
  /** A step is taken by the mouse: the picture doesn't follow it then. */
  onGrab?: ((step: Step, e: PointerEvent) => void) | undefined;
  /** Key of a step that is kept in sight as it changes: where a followed order stands. */
  follow?: string | undefined;
  /** Tells whether a line is drawn as one that was gone along. It doesn't change while nothing else does. */
  lit?: ((edge: Edge) => boolean) | undefined;
  /** Buttons of the page's own, beside those of the canvas. */
  tools?: ReactNode;
  hand?: Ref<Hand>;
}

/** Moves the picture from outside. */
export interface Hand {
  pan: (dx: number, dy: number) => void;
}

/**
 * Canvas shows a laid out workflow: boxes as elements, lines as one path, and of both
 * only what is in sight. The picture can be moved by hand, wheel and keys.
 */
export function Canvas(p: Props) {
  const { t } = useTranslation();
  const { layout } = p;
  const box = useRef<HTMLDivElement>(null);
  const [size, setSize] = useState<Size>();
  const [moved, setMoved] = useState<View>();
  const [current, setCurrent] = useState(p.selected);
  const at = (current && layout.at.get(current)) || layout.boxes[0];
  const chosen = p.selected ? layout.at.get(p.selected) : undefined;
  const followed = p.follow ? layout.at.get(p.follow) : undefined;
  const [shown, setShown] = useState({ layout, selected: p.selected, follow: p.follow });
  const view = size && (moved ?? startAt(followed ?? chosen ?? layout.boxes[0], layout, size));

  // When the picture is laid out anew, the step in hand stays where it is; what is
  // chosen elsewhere comes into sight, and so does a followed order when it moves.
  // What is chosen may come before the picture that has it.
  const fresh = shown.selected !== p.selected && (chosen !== undefined || p.selected === undefined);
  if (shown.layout !== layout || fresh || shown.follow !== p.follow) {
    setShown({ layout, selected: fresh ? p.selected : shown.selected, follow: p.follow });
    if (view && size) {
      const before = at && shown.layout.at.get(at.step.key);
      const still =
        at && before
          ? { ...view, x: view.x + (before.x - at.x) * view.k, y: view.y + (before.y - at.y) * view.k }
          : view;
      const seen = shown.follow !== p.follow && followed ? followed : fresh ? chosen : undefined;
      setMoved(held(seen ? into(still, seen, size) : still, layout, size));
      if (fresh && p.selected) setCurrent(p.selected);
    }
  }

  useEffect(() => {
    const element = box.current;
    if (!element) return;
    const watch = new ResizeObserver(() => setSize({ w: element.clientWidth, h: element.clientHeight }));
    watch.observe(element);
    return () => watch.disconnect();
  }, []);

  const move = (change: (view: View) => View) => {
    if (view && size) setMoved(held(change(view), layout, size));
  };
  useImperativeHandle(p.hand, () => ({ pan: (dx, dy) => move((v) => ({ ...v, x: v.x + dx, y: v.y + dy })) }));
  const grabbed = (e: PointerEvent) => {
    const { onGrab } = p;
    const node = e.target instanceof Element ? e.target.closest<HTMLElement>('[data-testid=node]') : null;
    const found = layout.at.get(node?.dataset['position'] ?? '');
    if (!onGrab || !found || found.step.type === 'ImplicitEnd' || e.pointerType === 'touch') return false;
    onGrab(found.step, e);
    return true;
  };
  const gestures = useGestures(box, move, grabbed);
  const zoomTo = (k: number) => size && move((v) => zoomAt(v, k, size.w / 2, size.h / 2));

  const go = (step: Step) => {
    const target = layout.at.get(step.key);
    if (!target || !size) return;
    flushSync(() => {
      setCurrent(step.key);
      move((v) => into(v, target, size));
    });
    box.current?.querySelector<HTMLElement>(`[data-position=${CSS.escape(step.key)}]`)?.focus({ preventScroll: true });
  };
  const press = (e: React.KeyboardEvent) => {
    if (e.ctrlKey || e.metaKey || e.altKey || !at || !view) return;
    const pans: Record<string, [number, number]> = {
      ArrowLeft: [80, 0],
      ArrowRight: [-80, 0],
      ArrowUp: [0, 80],
      ArrowDown: [0, -80],
    };
    const pan = pans[e.key];
    const next = walk(at.step, e.key, layout);
    if (pan && e.shiftKey) move((v) => ({ ...v, x: v.x + pan[0], y: v.y + pan[1] }));
    else if (next) go(next);
    else if (e.key === '[' && at.shape === 'block') p.onFold(at.step, true);
    else if (e.key === ']' && at.shape === 'folded') p.onFold(at.step, false);
    else if (e.key === '+') zoomTo(stepFrom(view.k, true));
    else if (e.key === '-') zoomTo(stepFrom(view.k, false));
    else if (e.key === '0') zoomTo(1);
    else if (!pan) return;
    e.preventDefault();
  };
  const click = (e: React.MouseEvent) => {
    if (!(e.target instanceof Element)) return;
    const fold = e.target.closest<HTMLElement>('[data-fold]');
    const node = e.target.closest<HTMLElement>('[data-testid=node]');
    const found = layout.at.get(fold?.dataset['fold'] ?? node?.dataset['position'] ?? '');
    if (!found) return;
    setCurrent(found.step.key);
    if (fold) p.onFold(found.step, found.shape === 'block');
    else p.onSelect(found.step);
  };
  const focus = (e: React.FocusEvent) => {
    const key = e.target instanceof HTMLElement && e.target.dataset['position'];
    if (key && layout.at.has(key)) setCurrent(key);
  };

  const seen = view && size ? sight(view, size) : undefined;
  return (
    <section className="canvas" aria-label={p.label}>
      <div className="canvas-tools">
        {p.tools}
        <span className="canvas-zoom">
          <button type="button" aria-label={t('graph.smaller')} onClick={() => view && zoomTo(stepFrom(view.k, false))}>
            −
          </button>
          <button type="button" title={t('graph.actual')} onClick={() => zoomTo(1)}>
            {Math.round((view?.k ?? 1) * 100)} %
          </button>
          <button type="button" aria-label={t('graph.larger')} onClick={() => view && zoomTo(stepFrom(view.k, true))}>
            +
          </button>
          <button type="button" onClick={() => size && setMoved(fit(layout, size))}>
            {t('graph.fit')}
          </button>
        </span>
      </div>
      <div
        className="canvas-window"
        role="application"
        aria-label={t('graph.picture')}
        ref={box}
        onKeyDown={press}
        onClick={click}
        onFocus={focus}
        {...gestures}
      >
        {view && seen && (
          <div
            className="world"
            data-zoom={zoomOf(view.k)}
            style={
              {
                transform: `translate(${view.x}px,${view.y}px) scale(${view.k})`,
                '--k': view.k,
                '--text-size': `${Math.max(13, 9 / view.k)}px`,
              } as React.CSSProperties
            }
          >
            <Picture
              layout={layout}
              left={seen.left}
              top={seen.top}
              right={seen.right}
              bottom={seen.bottom}
              selected={p.selected}
              current={at?.step.key}
              about={p.about}
              marks={p.marks}
              places={p.places}
              lit={p.lit}
            />
            {p.more}
          </div>
        )}
      </div>
      {view && size && layout.boxes.length > 20 && (
        <Minimap
          layout={layout}
          view={view}
          size={size}
          families={p.families}
          onGo={(x, y) => move((v) => ({ ...v, x: size.w / 2 - x * v.k, y: size.h / 2 - y * v.k }))}
        />
      )}
    </section>
  );
}
