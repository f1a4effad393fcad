import { defaultRangeExtractor, useVirtualizer, type Range } from '@tanstack/react-virtual';
import { useCallback, useEffect, useMemo, useRef, useState, type KeyboardEvent, type ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { IconChevronDown, IconChevronRight } from '@tabler/icons-react';
import { Text } from '../view/Name';
import { Counted } from './Chips';
import { isDrawn } from './layout';
import type { Counts } from './places';
import { StepIcon } from './StepIcon';
import type { Block, Step } from './tree';
import { laneName, stepName, typeWord } from './words';
import './outline.css';

/** A line of the outline: a step, or the heading of a lane. */
export interface Row {
  key: string;
  level: number;
  step: Step | undefined;
  lane: Block | undefined;
}

/** Returns the lines of a workflow, but not those of folded blocks. */
export function rowsOf(root: Block, folded: (step: Step) => boolean): Row[] {
  const rows: Row[] = [];
  const add = (block: Block, level: number) => {
    for (const step of block.steps) {
      if (!isDrawn(step) || (step.type === 'ImplicitEnd' && step.parent?.kind !== '')) continue;
      rows.push({ key: step.key, level, step, lane: undefined });
      if (step.blocks.length === 0 || folded(step)) continue;
      const headed = step.blocks.length > 1 || step.blocks[0]?.title;
      for (const lane of step.blocks) {
        if (headed) rows.push({ key: `${step.key} ${lane.id}`, level: level + 1, step: undefined, lane });
        add(lane, headed ? level + 2 : level + 1);
      }
    }
  };
  add(root, 1);
  return rows;
}

interface Props {
  root: Block;
  folded: (step: Step) => boolean;
  selected: string | undefined;
  counts: (step: Step) => Counts | undefined;
  /** What is set at a step: that it is skipped, a breakpoint. */
  marks?: ((step: Step) => ReactNode) | undefined;
  onSelect: (step: Step) => void;
  onFold: (step: Step, folded: boolean) => void;
}

const rowHeight = 28;

/** The workflow as text, line by line: all that can be done on the graph can be done here. */
export function Outline({ root, folded, selected, counts, marks, onSelect, onFold }: Props) {
  const { t } = useTranslation();
  const box = useRef<HTMLDivElement>(null);
  const rows = useMemo(() => rowsOf(root, folded), [root, folded]);
  const [focused, setFocused] = useState<string>();
  const found = rows.findIndex((r) => r.key === (focused ?? selected));
  const at = Math.max(0, found);
  const rangeExtractor = useCallback(
    (range: Range) => {
      const shown = defaultRangeExtractor(range);
      return shown.includes(at) || at >= range.count ? shown : [...shown, at].sort((a, b) => a - b);
    },
    [at],
  );
  // eslint-disable-next-line react-hooks/incompatible-library -- nothing is memoised across it
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => box.current,
    estimateSize: () => rowHeight,
    overscan: 8,
    rangeExtractor,
  });
  const place = rows.findIndex((r) => r.key === selected);
  useEffect(() => {
    if (place >= 0) virtual.scrollToIndex(place, { align: 'auto' });
  }, [place, virtual]);

  const go = (i: number) => {
    const row = rows[Math.max(0, Math.min(rows.length - 1, i))];
    if (!row) return;
    const index = rows.indexOf(row);
    setFocused(row.key);
    virtual.scrollToIndex(index);
    requestAnimationFrame(() =>
      box.current?.querySelector<HTMLElement>(`[data-index="${index}"]`)?.focus({ preventScroll: true }),
    );
  };
  const parentOf = (i: number) => rows.findLastIndex((r, j) => j < i && r.level < (rows[i]?.level ?? 0));
  const press = (e: KeyboardEvent) => {
    if (e.ctrlKey || e.metaKey || e.altKey) return;
    const row = rows[at];
    const step = row?.step;
    const closed = step && step.blocks.length > 0 ? folded(step) : undefined;
    if (e.key === 'ArrowDown' || e.key === 'j') go(at + 1);
    else if (e.key === 'ArrowUp' || e.key === 'k') go(at - 1);
    else if (e.key === 'Home') go(0);
    else if (e.key === 'End') go(rows.length - 1);
    else if (step && closed === true && (e.key === 'ArrowRight' || e.key === ']')) onFold(step, false);
    else if (step && closed === false && (e.key === 'ArrowLeft' || e.key === '[')) onFold(step, true);
    else if (e.key === 'ArrowRight') go(at + 1);
    else if (e.key === 'ArrowLeft') go(Math.max(0, parentOf(at)));
    else if (step && (e.key === 'Enter' || e.key === ' ')) onSelect(step);
    else return;
    e.preventDefault();
  };
  return (
    <div className="outline" role="tree" aria-label={t('graph.outline')} ref={box} onKeyDown={press}>
      <div style={{ height: virtual.getTotalSize(), position: 'relative' }} role="presentation">
        {virtual.getVirtualItems().map((item) => {
          const row = rows[item.index];
          if (!row) return null;
          const { step } = row;
          const name = step ? stepName(step, t) : row.lane ? laneName(row.lane, t) : '';
          const word = step ? typeWord(step, t) : '';
          const here = step && counts(step);
          const block = step && step.blocks.length > 0;
          return (
            <div
              key={row.key}
              role="treeitem"
              aria-level={row.level}
              aria-selected={step !== undefined && step.key === selected}
              aria-expanded={block ? !folded(step) : undefined}
              className={step ? 'outline-row' : 'outline-row lane'}
              data-index={item.index}
              data-position={step?.key}
              tabIndex={item.index === at ? 0 : -1}
              style={{
                height: rowHeight,
                transform: `translateY(${item.start}px)`,
                paddingInlineStart: 8 + (row.level - 1) * 12,
              }}
              onFocus={() => setFocused(row.key)}
              onClick={(e) => {
                if (!step) return;
                if (block && e.target instanceof Element && e.target.closest('.outline-fold')) {
                  onFold(step, !folded(step));
                } else onSelect(step);
              }}
            >
              <span className="outline-fold" aria-hidden="true">
                {block && (folded(step) ? <IconChevronRight size={14} /> : <IconChevronDown size={14} />)}
              </span>
              {step && <StepIcon type={step.type} size={14} />}
              <span className="outline-name">
                <Text>{name}</Text>
                {word !== name && <span className={block ? 'faint' : 'hidden-text'}> {word}</span>}
              </span>
              {step && marks?.(step)}
              {here && (
                <span className="outline-counts">
                  <Counted counts={here} />
                </span>
              )}
            </div>
          );
        })}
      </div>
    </div>
  );
}
