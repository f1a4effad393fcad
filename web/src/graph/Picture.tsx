import { Fragment, memo, type ReactNode } from 'react';
import type { Box, Edge, Layout } from './layout';
import { LaneHead, Node } from './Node';
import { rectOf, touches, type Rect } from './view';

interface Props extends Rect {
  layout: Layout;
  selected: string | undefined;
  current: string | undefined;
  about: (box: Box) => { look: string; said: string };
  marks: (box: Box) => ReactNode;
  places: ((edge: Edge) => ReactNode) | undefined;
  lit: ((edge: Edge) => boolean) | undefined;
}

/** So many boxes are drawn as elements; of more, all but the special ones are plain shapes. */
const most = 400;

/** What is in sight of a layout. It is drawn anew only when that changes. */
export const Picture = memo(function Picture(p: Props) {
  const { layout, selected, current } = p;
  const inSight = layout.boxes.filter((b) => touches(rectOf(b), p));
  const plain = inSight.length > most;
  const boxes = plain ? inSight.filter((b) => b.shape === 'block' && b.depth === 0) : inSight;
  // One list in the order of the document, whatever is folded: an element that stayed would
  // else be made anew, and lose the focus. The styles say what lies on what.
  // The chosen and the focused one stay wherever the picture is moved: the focus would
  // fall to the page.
  for (const key of new Set([selected, current])) {
    const box = key !== undefined && layout.at.get(key);
    if (box && !boxes.includes(box)) boxes.push(box);
  }
  const shapes = plain ? inSight.filter((b) => b.shape !== 'block') : [];
  const edges = layout.edges.filter((e) => touches(e, p));
  const line = (dashed: boolean) =>
    edges
      .filter((e) => e.dashed === dashed)
      .map((e) => e.d)
      .join('');
  return (
    <>
      {boxes.map((b) => (
        <Framed key={b.step.key} box={b} {...p} />
      ))}
      <svg className="edges" aria-hidden="true">
        <path className="edge" d={line(false)} />
        <path className="edge dashed" d={line(true)} />
        {p.lit && (
          <path
            className="edge lit"
            d={edges
              .filter((e) => p.lit?.(e))
              .map((e) => e.d)
              .join('')}
          />
        )}
        <path className="plain" d={shapes.map((b) => `M${b.x} ${b.y}h${b.w}v${b.h}h${-b.w}z`).join('')} />
      </svg>
      {layout.lanes.map(
        (l) =>
          touches({ left: l.x, right: l.x + l.w, top: l.y, bottom: l.y }, p) && (
            <LaneHead key={`${l.block.parent?.key} ${l.block.id}`} lane={l} />
          ),
      )}
      {p.places && edges.map((e) => <Fragment key={`${e.block.path.join('/')} ${e.nr}`}>{p.places?.(e)}</Fragment>)}
      {inSight.map((b) => (
        <Marks key={b.step.key} box={b} marks={p.marks} />
      ))}
    </>
  );
});

function Framed({ box, about, selected, current }: { box: Box } & Props) {
  const key = box.step.key;
  return <Node box={box} selected={key === selected} current={key === current} {...about(box)} />;
}

/** What hangs on a box: at its lower edge, at the end. */
function Marks({ box, marks }: { box: Box; marks: (box: Box) => ReactNode }) {
  const content = marks(box);
  if (!content) return null;
  const y = box.shape === 'block' ? box.y : box.y + box.h;
  return (
    <div className="marks" style={{ transform: `translate(${box.x + box.w}px,${y}px)` }}>
      {content}
    </div>
  );
}
