import { useCallback, useDeferredValue, useMemo, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { IconPlus } from '@tabler/icons-react';
import { Canvas, type Hand } from '../graph/Canvas';
import { foldedAtFirst, foldedBy, turned, type Folding } from '../graph/fold';
import { layOut, size, type Box, type Edge, type Layout } from '../graph/layout';
import { around, type Block } from '../graph/tree';
import { laneName, stepName } from '../graph/words';
import { setSettings, useSettings } from '../settings/settings';
import { Icon } from '../state/Icon';
import { StepIcon } from '../graph/StepIcon';
import { Text } from '../view/Name';
import type { Family } from '../theme/tokens';
import { problemsByStep, useBench } from './bench';
import { typeOf, type Choice, type Place } from './choices';
import { insert, move, whyNotTo } from './document';
import { focusStep } from './focus';
import { pointerOf, type Document } from './read';
import { StepShelf } from './StepShelf';
import { useDrag, type Drag, type Load } from './useDrag';

interface Props {
  path: string;
  onInsert: (place: Place) => void;
  folding: Folding;
  onFolding: (folding: Folding) => void;
}

const none: ReadonlyMap<string, Family> = new Map();

/** The workflow as a picture: steps are chosen in it, and put on its lines. */
export function GraphPane({ path, onInsert, folding, onFolding }: Props) {
  const { t } = useTranslation();
  const { doc, tree, step, frozen, problems, agents, act, choose } = useBench();
  const { shelf } = useSettings();
  const pane = useRef<HTMLDivElement>(null);
  const hand = useRef<Hand>(null);
  // As it was when the editor was opened: blocks must not fold under the hand.
  const [first] = useState(() => foldedAtFirst(tree, []));
  const folded = useMemo(
    () => foldedBy(folding, first, new Set(step ? around(step).map((s) => s.key) : [])),
    [folding, first, step],
  );
  // A large picture may come a moment later: typing in the form doesn't wait for it.
  const drawn = useDeferredValue(tree);
  const layout = useMemo(() => layOut(drawn.root, folded), [drawn, folded]);
  const wrong = useMemo(() => problemsByStep(doc, tree, problems), [doc, tree, problems]);
  const about = useCallback(
    ({ step: s }: Box) => {
      const n = wrong.get(s.key)?.length ?? 0;
      return { look: '', said: n > 0 ? t('edit.problems', { count: n }) : '' };
    },
    [wrong, t],
  );
  const marks = useCallback(
    ({ step: s }: Box) => {
      const here = wrong.get(s.key);
      if (!here) return null;
      return (
        <span className="wrong-mark" title={here.map((p) => p.message).join('\n')}>
          <Icon name="octagon" size={14} />
          {here.length}
        </span>
      );
    },
    [wrong],
  );
  const put = (choice: Choice, place: Place) => {
    act({ what: 'inserted', name: choice.name }, (d) =>
      insert(d, place.sequence, place.index, { kind: choice.kind, job: choice.job, agent: agents[0] }),
    );
    focusStep(pointerOf([...place.sequence, place.index]));
  };
  const { drag, grab } = useDrag({
    pane,
    pan: (dx, dy) => hand.current?.pan(dx, dy),
    onDrop: (load, place) => {
      if ('choice' in load) put(load.choice, place);
      else act({ what: 'moved', name: load.name }, (d) => move(d, load.path, place.sequence, place.index));
    },
  });
  const load = drag?.load;
  const over = drag?.over;
  const button = useCallback(
    (place: Place, x: number, y: number, first = false) => {
      const not = load && whyNot(doc, load, place);
      const marks = not === 'same' ? undefined : JSON.stringify({ ...place, not: not !== undefined });
      return (
        <button
          key={place.title}
          type="button"
          className={first ? 'insert first' : 'insert'}
          aria-label={place.title}
          title={place.title}
          style={{ transform: `translate(${x}px,${y}px)` }}
          data-place={load ? marks : undefined}
          data-drop={load && (not ?? 'can')}
          data-over={(load && marks === over) || undefined}
          onClick={() => onInsert(place)}
        >
          <IconPlus size={14} aria-hidden />
        </button>
      );
    },
    [doc, load, over, onInsert],
  );
  const places = useCallback(
    (edge: Edge) => {
      const place = frozen ? undefined : placeOf(edge, t);
      if (!place) return null;
      const { x, y } = pointOf(edge);
      return button(place, x - 10, y - 10);
    },
    [frozen, button, t],
  );
  const head = written(tree.root)[0];
  const start = { sequence: ['instructions'], index: 0, title: t('edit.insert.first') };
  const top = head ? t('edit.insert.before', { name: stepName(head, t) }) : t('edit.insert.start');
  const shelved = !frozen && shelf;
  return (
    <div
      className="pane pane-graph"
      data-frozen={frozen || undefined}
      data-drag={drag !== undefined || undefined}
      ref={pane}
    >
      {shelved && (
        <StepShelf
          onGrab={(choice, e) => grab({ choice, name: choice.name, type: typeOf(choice) }, e)}
          onPut={(choice, place) => put(choice, place)}
        />
      )}
      <Canvas
        label={t('edit.graph', { path })}
        layout={layout}
        selected={step?.key}
        onSelect={(s) => choose(s.type === 'ImplicitEnd' ? undefined : s.path)}
        onFold={(s, now) => onFolding(turned(folding, s.key, now))}
        about={about}
        families={none}
        marks={marks}
        places={places}
        more={!frozen && button({ ...start, title: top }, spineOf(layout) - 8, 0, true)}
        hand={hand}
        onGrab={frozen ? undefined : (s, e) => grab({ path: s.path, name: stepName(s, t), type: s.type }, e)}
        tools={
          <>
            {!frozen && (
              <>
                <button
                  type="button"
                  className="shelf-turn"
                  aria-pressed={shelf}
                  onClick={() => setSettings({ shelf: !shelf })}
                >
                  {t('edit.shelf.title')}
                </button>
                <button type="button" onClick={() => onInsert(start)}>
                  {t('edit.insert.first')}
                </button>
              </>
            )}
            <button type="button" aria-pressed={!step} onClick={() => choose(undefined)}>
              {t('edit.ofWorkflow')}
            </button>
          </>
        }
      />
      {drag && <Dragged drag={drag} />}
    </div>
  );
}

/** What hangs on the hand: the step, and what becomes of it here. */
function Dragged({ drag }: { drag: Drag }) {
  const { t } = useTranslation();
  const { doc } = useBench();
  const place = drag.over === undefined ? undefined : (JSON.parse(drag.over) as Place);
  const not = place && whyNot(doc, drag.load, place);
  return (
    <div className="dragged" style={{ transform: `translate(${drag.x + 12}px,${drag.y + 12}px)` }}>
      <span className="row">
        <StepIcon type={drag.load.type} />
        <b>
          <Text>{drag.load.name}</Text>
        </b>
      </span>
      <span className="caption">
        <Text>{not ? t(`edit.drag.${not}`) : (place?.title ?? t('edit.drag.nowhere'))}</Text>
      </span>
    </div>
  );
}

const whyNot = (doc: Document, load: Load, { sequence, index }: Place) =>
  whyNotTo(doc, 'choice' in load ? load.choice : load, sequence, index);

/** Where the line of the workflow itself runs. */
function spineOf({ edges, boxes }: Layout): number {
  const own = edges.find((e) => e.block.kind === '');
  const [box] = boxes;
  return own?.x ?? (box ? box.x + box.w / 2 : 0);
}

/** Steps that somebody has written. */
const written = (block: Block) => block.steps.filter((s) => s.type !== 'ImplicitEnd');

/** The place in the document to which a line leads. Of two lines to one place, the first has it. */
function placeOf(edge: Edge, t: Parameters<typeof stepName>[1]): Place | undefined {
  const { block, nr } = edge;
  const steps = written(block);
  if (nr > steps.length && (block.kind === '' || block.kind === 'fork')) return undefined;
  const index = Math.min(nr, steps.length);
  const before = steps[index - 1];
  const lane = block.parent ? `${stepName(block.parent, t)}, ${laneName(block, t)}` : '';
  return {
    sequence: [...block.path, 'instructions'],
    index,
    title: before ? t('edit.insert.after', { name: stepName(before, t) }) : t('edit.insert.into', { lane }),
  };
}

/** Where on a line its button is. The line out of a lane is shared at its end, so there it is at its start. */
function pointOf(edge: Edge): { x: number; y: number } {
  const out = edge.nr >= edge.block.steps.length;
  if (!out) return { x: edge.x, y: edge.y - size.gap / 2 };
  const turns = [...edge.d.matchAll(/H(-?[\d.]+)/g)];
  const empty = written(edge.block).length === 0 && edge.block.kind !== 'fork';
  return {
    x: turns.length > 0 ? Number(turns[0]?.[1]) : edge.x,
    y: edge.top + (empty ? size.gap * 1.5 : size.gap / 2),
  };
}
