import { useNavigate, useSearch } from '@tanstack/react-router';
import { useCallback, useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { Schemas } from '../../api/client';
import { Canvas } from '../../graph/Canvas';
import { Counted, OrdersAt, useCountWords } from '../../graph/Chips';
import { foldedAtFirst, foldedBy, turned } from '../../graph/fold';
import { layOut, type Box, type Edge } from '../../graph/layout';
import { Outline } from '../../graph/Outline';
import { familyOf, hasFailed, type Standing } from '../../graph/places';
import { keyOf, normal, readPosition } from '../../graph/position';
import { around, type Step, type Tree } from '../../graph/tree';
import { stepName } from '../../graph/words';
import { changed } from '../../search';
import { Icon } from '../../state/Icon';
import type { Family } from '../../theme/tokens';
import { Follow, useFollowed } from './Follow';
import { isOnWay } from './way';
import { StepPanel } from './StepPanel';

interface Props {
  workflow: Schemas['Workflow'];
  tree: Tree;
  stand: Standing;
}

/** The workflow as a picture, as an outline, and what is known of the chosen step. */
export function GraphTab({ workflow, tree, stand }: Props) {
  const { t } = useTranslation();
  const { at, open, fold, order } = useSearch({ from: '/frame/workflows/$' });
  const navigate = useNavigate({ from: '/workflows/$' });
  const selected = at !== undefined ? tree.steps.get(at) : undefined;
  // As it was when the page was opened: blocks must not fold under the hand.
  const [first] = useState(() => {
    const failed = [...stand.at].filter(([, here]) => hasFailed(here.counts)).map(([key]) => key);
    return foldedAtFirst(tree, failed);
  });
  const followed = useFollowed(order, tree, workflow.versionId);
  const way = followed?.way;
  const [find, setFind] = useState('');
  const hits = useMemo(() => (find.trim() ? found(tree, find, t) : []), [tree, find, t]);
  const folded = useMemo(() => {
    const seen = new Set(
      [selected, way?.at, ...hits.slice(0, 20)].flatMap((s) => (s ? around(s).map((a) => a.key) : [])),
    );
    return foldedBy({ open, fold }, first, seen);
  }, [open, fold, first, selected, way, hits]);
  const layout = useMemo(() => layOut(tree.root, folded), [tree, folded]);
  const foldAll = (all: boolean) =>
    void navigate({
      search: (s) => changed(s, { open: all ? undefined : 'all', fold: all ? 'all' : undefined }),
      replace: true,
    });
  const onFold = (step: Step, now: boolean) =>
    void navigate({
      search: (s) => changed(s, turned({ open: s.open, fold: s.fold }, step.key, now)),
      replace: true,
    });
  const onSelect = useCallback(
    (step: Step | undefined) =>
      void navigate({ search: (s) => changed(s, { at: step?.key }), replace: at !== undefined }),
    [navigate, at],
  );

  const skipped = useMemo(() => new Set(workflow.skip), [workflow.skip]);
  const breaks = useMemo(() => breakpointsOf(workflow), [workflow]);
  const families = useMemo(() => {
    const all = new Map<string, Family>();
    for (const box of layout.boxes) {
      const family = familyOf(
        box.shape === 'folded' ? stand.within.get(box.step.key) : stand.at.get(box.step.key)?.counts,
      );
      if (family) all.set(box.step.key, family);
    }
    return all;
  }, [layout, stand]);
  const inWords = useCountWords();
  const about = useCallback(
    ({ step, shape }: Box) => {
      const family = families.get(step.key);
      const skip = step.label !== '' && skipped.has(step.label);
      const counts = shape === 'folded' ? stand.within.get(step.key) : stand.at.get(step.key)?.counts;
      const said = [
        skip ? t('graph.skipped') : '',
        breaks.has(step.key) ? t('graph.breakpoint') : '',
        inWords(counts),
        hits.includes(step) ? t('graph.hit') : '',
        way?.at === step ? t('follow.standsHere') : way?.came.has(step.key) ? t('follow.came') : '',
      ];
      const look = [
        family ? `rail-${family}` : '',
        skip ? 'skipped' : '',
        hits.includes(step) ? 'hit' : '',
        way?.came.has(step.key) ? 'came' : '',
        way?.at === step ? 'followed' : '',
      ];
      return { look: look.filter(Boolean).join(' '), said: said.filter(Boolean).join(', ') };
    },
    // eslint-disable-next-line react-hooks/exhaustive-deps -- words change with t only
    [families, skipped, breaks, stand, hits, way, t],
  );
  const marks = useCallback(
    ({ step, shape }: Box) => {
      const here = stand.at.get(step.key);
      const within = shape === 'folded' ? stand.within.get(step.key) : undefined;
      const skip = step.label !== '' && skipped.has(step.label);
      const stop = breaks.has(step.key);
      if (!here && !within && !skip && !stop) return null;
      return (
        <div data-failed={families.get(step.key) === 'fail' || undefined}>
          {stop && (
            <span className="breakpoint" title={t('graph.breakpoint')}>
              <Icon name="dot-ring" size={14} />
            </span>
          )}
          {skip && (
            <span className="skip-mark" title={t('graph.skipped')}>
              <Icon name="skip" size={14} />
            </span>
          )}
          {within ? (
            <OrdersAt at={step.key} here={{ counts: within, sample: [] }} onOpen={() => onSelect(step)} />
          ) : (
            here && <OrdersAt at={step.key} here={here} onOpen={() => onSelect(step)} />
          )}
        </div>
      );
    },
    [stand, skipped, breaks, families, onSelect, t],
  );
  const lit = useMemo(() => (way ? (edge: Edge) => isOnWay(way, edge) : undefined), [way]);
  const next = () => {
    const i = selected ? hits.indexOf(selected) : -1;
    const hit = hits[(i + 1) % hits.length];
    if (hit) onSelect(hit);
  };
  return (
    <div className={selected ? 'graph-tab with-panel' : 'graph-tab'}>
      <Outline
        root={tree.root}
        folded={folded}
        selected={selected?.key}
        counts={(s) => (s.blocks.length > 0 && folded(s) ? stand.within.get(s.key) : stand.at.get(s.key)?.counts)}
        marks={(s) => (
          <>
            {breaks.has(s.key) && (
              <span className="breakpoint outline-mark" title={t('graph.breakpoint')}>
                <Icon name="dot-ring" size={14} />
                <span className="hidden-text">{t('graph.breakpoint')}</span>
              </span>
            )}
            {s.label !== '' && skipped.has(s.label) && (
              <span className="skip-mark outline-mark" title={t('graph.skipped')}>
                <Icon name="skip" size={14} />
                <span className="hidden-text">{t('graph.skipped')}</span>
              </span>
            )}
          </>
        )}
        onSelect={onSelect}
        onFold={onFold}
      />
      <Canvas
        label={t('graph.of', { path: workflow.path })}
        layout={layout}
        selected={selected?.key}
        onSelect={onSelect}
        onFold={onFold}
        about={about}
        families={families}
        marks={marks}
        follow={way?.at?.key}
        lit={lit}
        tools={
          <>
            <input
              type="search"
              aria-label={t('graph.find')}
              placeholder={t('graph.find')}
              value={find}
              onChange={(e) => setFind(e.currentTarget.value)}
              onKeyDown={(e) => {
                if (e.key === 'Enter') next();
                if (e.key === 'Escape') setFind('');
              }}
            />
            {find.trim() !== '' && (
              <span className="caption" role="status">
                {t('graph.hits', { count: hits.length })}
              </span>
            )}
            <button type="button" onClick={() => foldAll(true)}>
              {t('graph.foldAll')}
            </button>
            <button type="button" onClick={() => foldAll(false)}>
              {t('graph.unfoldAll')}
            </button>
            <Follow
              followed={followed}
              stand={stand}
              path={workflow.path}
              onFollow={(id) => void navigate({ search: (s) => changed(s, { order: id }) })}
            />
            <Ahead stand={stand} />
          </>
        }
      />
      {selected && (
        <StepPanel
          workflow={workflow}
          step={selected}
          stand={stand}
          breaks={breaks}
          onClose={() => onSelect(undefined)}
        />
      )}
    </div>
  );
}

/** All orders of this version, beside the buttons. */
function Ahead({ stand }: { stand: Standing }) {
  const all = useMemo(() => {
    const counts = new Map<string, number>();
    for (const { counts: here } of stand.at.values()) {
      for (const [status, n] of Object.entries(here)) counts.set(status, (counts.get(status) ?? 0) + n);
    }
    return Object.fromEntries(counts);
  }, [stand]);
  return (
    <span className="row graph-sum">
      <Counted counts={all} />
    </span>
  );
}

function breakpointsOf(workflow: Schemas['Workflow']): ReadonlySet<string> {
  const all = workflow.breakpoints.map((p) => readPosition(p)).filter((p) => p !== undefined);
  return new Set(all.map((p) => keyOf(normal(p))));
}

/** Steps in whose name, Agent or script a text is. */
function found(tree: Tree, text: string, t: Parameters<typeof stepName>[1]): Step[] {
  const wanted = text.trim().toLowerCase();
  const has = (s: string | undefined) => s?.toLowerCase().includes(wanted);
  return [...tree.steps.values()].filter(
    (s) =>
      s.type !== 'ImplicitEnd' &&
      (has(stepName(s, t)) || has(s.jobName) || has(s.detail) || has(s.job?.agent) || has(s.job?.script)),
  );
}
