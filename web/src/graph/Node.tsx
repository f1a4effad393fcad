import { useTranslation } from 'react-i18next';
import { IconChevronDown, IconChevronRight } from '@tabler/icons-react';
import { Text } from '../view/Name';
import type { Box, Lane } from './layout';
import { StepIcon } from './StepIcon';
import { laneName, stepDetail, stepName, typeWord } from './words';

interface Props {
  box: Box;
  selected: boolean;
  /** It is the one that Tab leads to. */
  current: boolean;
  /** How it looks besides: skipped, with a family's rail. */
  look: string;
  /** What is to be said of it besides its name: orders, marks. */
  said: string;
}

/** A step on the canvas: a box, or the frame of a block with its name. */
export function Node({ box, selected, current, look, said }: Props) {
  const { t } = useTranslation();
  const { step, shape } = box;
  const word = typeWord(step, t);
  const name = stepName(step, t);
  const detail = stepDetail(step, t);
  const inside = shape === 'folded' ? t('graph.inside', { count: step.inside }) : '';
  const block = shape === 'block' || shape === 'folded';
  // In the order in which it is seen.
  const kind = name === word ? '' : word;
  const parts = block ? [name, kind, inside || detail, said] : [name, detail, kind, said];
  const label = parts.filter(Boolean).join(', ');
  const button = (
    <button
      type="button"
      className={block ? 'node-head' : `node ${shape} ${look}`}
      data-testid="node"
      data-position={step.key}
      data-instruction={step.type}
      aria-label={label}
      aria-current={selected || undefined}
      tabIndex={current ? 0 : -1}
      style={block ? undefined : place(box)}
    >
      {shape !== 'end' && (
        <>
          {shape !== 'job' && <StepIcon type={step.type} />}
          <span className="node-text">
            <span className="node-name">
              <Text>{name}</Text>
              {block && name !== word && <span className="node-word"> {word}</span>}
            </span>{' '}
            {shape === 'folded' ? (
              <span className="node-more">{inside}</span>
            ) : (
              detail && (
                <span className="node-more">
                  <Text>{detail}</Text>
                </span>
              )
            )}
          </span>
        </>
      )}
    </button>
  );
  if (!block) return button;
  return (
    <div
      className={`frame-${shape} ${look}`}
      data-type={step.type}
      data-even={box.depth % 2 === 0}
      data-selected={selected || undefined}
      style={place(box)}
    >
      {button}
      <button
        type="button"
        className="node-fold"
        data-fold={step.key}
        tabIndex={-1}
        aria-expanded={shape === 'block'}
        aria-label={t(shape === 'block' ? 'graph.fold' : 'graph.unfold', { name })}
      >
        {shape === 'block' ? <IconChevronDown size={16} aria-hidden /> : <IconChevronRight size={16} aria-hidden />}
      </button>
    </div>
  );
}

/** The heading of a lane: a condition, or the id of a branch. */
export function LaneHead({ lane }: { lane: Lane }) {
  const { t } = useTranslation();
  const name = laneName(lane.block, t);
  return (
    <span
      className="lane-head"
      title={name}
      style={{ transform: `translate(${lane.x}px,${lane.y}px)`, width: lane.w }}
      data-kind={lane.block.kind}
    >
      <Text>{name}</Text>
    </span>
  );
}

function place(box: { x: number; y: number; w: number; h: number }): React.CSSProperties {
  return { transform: `translate(${box.x}px,${box.y}px)`, width: box.w, height: box.h };
}
