import { useCallback, useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { IconPlus } from '@tabler/icons-react';
import { Canvas } from '../graph/Canvas';
import { foldedAtFirst, foldedBy, turned, type Folding } from '../graph/fold';
import { layOut, size, type Box, type Edge } from '../graph/layout';
import { around, type Block } from '../graph/tree';
import { laneName, stepName } from '../graph/words';
import { Icon } from '../state/Icon';
import type { Family } from '../theme/tokens';
import { problemsByStep, useBench } from './bench';
import type { Place } from './InsertDialog';

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
  const { doc, tree, step, frozen, problems, choose } = useBench();
  // As it was when the editor was opened: blocks must not fold under the hand.
  const [first] = useState(() => foldedAtFirst(tree, []));
  const folded = useMemo(
    () => foldedBy(folding, first, new Set(step ? around(step).map((s) => s.key) : [])),
    [folding, first, step],
  );
  const layout = useMemo(() => layOut(tree.root, folded), [tree, folded]);
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
  const places = useCallback(
    (edge: Edge) => {
      const place = frozen ? undefined : placeOf(edge, t);
      if (!place) return null;
      const { x, y } = pointOf(edge);
      return (
        <button
          type="button"
          className="insert"
          aria-label={place.title}
          title={place.title}
          style={{ transform: `translate(${x - 10}px,${y - 10}px)` }}
          onClick={() => onInsert(place)}
        >
          <IconPlus size={14} aria-hidden />
        </button>
      );
    },
    [frozen, onInsert, t],
  );
  const start = { sequence: ['instructions'], index: 0, title: t('edit.insert.first') };
  return (
    <div className="pane pane-graph" data-frozen={frozen || undefined}>
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
        tools={
          <>
            {!frozen && (
              <button type="button" onClick={() => onInsert(start)}>
                {t('edit.insert.first')}
              </button>
            )}
            <button type="button" aria-pressed={!step} onClick={() => choose(undefined)}>
              {t('edit.ofWorkflow')}
            </button>
          </>
        }
      />
    </div>
  );
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
