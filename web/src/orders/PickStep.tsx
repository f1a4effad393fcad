import { useCallback, useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Canvas } from '../graph/Canvas';
import { foldedAtFirst, foldedBy, turned, type Folding } from '../graph/fold';
import { layOut, type Box } from '../graph/layout';
import { around, type Step, type Tree } from '../graph/tree';
import { stepName } from '../graph/words';
import { Icon } from '../state/Icon';
import { Text } from '../view/Name';
import type { Family } from '../theme/tokens';

interface Props {
  label: string;
  tree: Tree;
  /** Keys of the steps that can be chosen. */
  open: ReadonlySet<string>;
  /** Where the order stands, and where it goes on. */
  here: string;
  chosen: string;
  /** Keys of the steps that run then; what is in their blocks may run as well. */
  runs: ReadonlySet<string>;
  onPick: (key: string) => void;
}

const none: ReadonlyMap<string, Family> = new Map();

/** The workflow's graph, on which a step is chosen. */
export function PickStep({ label, tree, open, here, chosen, runs, onPick }: Props) {
  const { t } = useTranslation();
  const [first] = useState(() => foldedAtFirst(tree, [here, chosen]));
  const [folding, setFolding] = useState<Folding>({ open: undefined, fold: undefined });
  const [refused, setRefused] = useState<Step>();
  const folded = useMemo(() => {
    const seen = new Set([here, chosen].flatMap((key) => keysAround(tree, key)));
    return foldedBy(folding, first, seen);
  }, [folding, first, tree, here, chosen]);
  const layout = useMemo(() => layOut(tree.root, folded), [tree, folded]);
  const willRun = useCallback((step: Step) => [step, ...around(step)].some((s) => runs.has(s.key)), [runs]);
  const about = useCallback(
    ({ step }: Box) => {
      const can = open.has(step.key);
      const will = willRun(step);
      const said = [
        step.key === here ? t('resume.standsHere') : '',
        step.key === chosen ? t('resume.goesOnHere') : '',
        will ? t('resume.runs') : '',
        can ? '' : t('resume.notHere'),
      ];
      return {
        look: [can ? 'can-pick' : 'cannot-pick', will ? 'will-run' : ''].filter(Boolean).join(' '),
        said: said.filter(Boolean).join(', '),
      };
    },
    [open, willRun, here, chosen, t],
  );
  const marks = useCallback(
    ({ step }: Box) => {
      if (step.key !== here && step.key !== chosen) return null;
      return (
        <span className="pick-mark">
          <Icon name={step.key === chosen ? 'play' : 'pause'} size={12} />
          {t(step.key === chosen ? 'resume.goesOnHere' : 'resume.standsHere')}
        </span>
      );
    },
    [here, chosen, t],
  );
  const pick = (step: Step) => {
    const can = open.has(step.key);
    setRefused(can ? undefined : step);
    if (can) onPick(step.key);
  };
  return (
    <div className="pick-step">
      <Canvas
        label={label}
        layout={layout}
        selected={chosen}
        onSelect={pick}
        onFold={(step, now) => setFolding((f) => turned(f, step.key, now))}
        about={about}
        families={none}
        marks={marks}
        tools={<span className="second">{t('resume.pick')}</span>}
      />
      <p className="caption" role="status">
        {refused && <Text>{t('resume.refused', { step: stepName(refused, t) })}</Text>}
      </p>
    </div>
  );
}

function keysAround(tree: Tree, key: string): string[] {
  const step = tree.steps.get(key);
  return step ? around(step).map((s) => s.key) : [];
}
