import { Button, Menu } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import '../theme/menus.css';
import { stepName } from '../graph/words';
import * as edits from './document';
import { countAt } from './read';
import { useBench } from './bench';
import type { Place } from './choices';

/** What can be done with the chosen step. */
export function StepMenu({ onInsert }: { onInsert: (place: Place) => void }) {
  const { t } = useTranslation();
  const { doc, step, frozen, act } = useBench();
  if (!step || frozen) return <p className="caption">{t(frozen ? 'edit.readOnly' : 'edit.chooseStep')}</p>;
  const { path } = step;
  const name = stepName(step, t);
  const { sequence, index } = edits.placeOfStep(path);
  const last = index + 1 >= countAt(doc, sequence);
  const button = (label: string, onClick: () => void, not = false) => (
    <Button variant="default" size="xs" disabled={not} onClick={onClick}>
      {label}
    </Button>
  );
  return (
    <div className="row" role="group" aria-label={t('edit.menu.of', { name })}>
      {button(t('edit.menu.insert'), () =>
        onInsert({ sequence, index: index + 1, title: t('edit.insert.after', { name }) }),
      )}
      <Menu position="bottom-start">
        <Menu.Target>
          <Button variant="default" size="xs">
            {t('edit.menu.wrap')}
          </Button>
        </Menu.Target>
        <Menu.Dropdown>
          {edits.wraps.map((w) => (
            <Menu.Item key={w} onClick={() => act({ what: 'wrapped', name }, (d) => edits.wrap(d, path, w))}>
              {t(`edit.wrap.${w}`)}
            </Menu.Item>
          ))}
        </Menu.Dropdown>
      </Menu>
      {step.blocks.length > 0 &&
        button(
          t('edit.menu.unwrap'),
          () => act({ what: 'unwrapped', name }, (d) => edits.unwrap(d, path)),
          !edits.canUnwrap(doc, path),
        )}
      {button(t('edit.menu.up'), () => act({ what: 'moved', name }, (d) => edits.shift(d, path, -1)), index === 0)}
      {button(t('edit.menu.down'), () => act({ what: 'moved', name }, (d) => edits.shift(d, path, 1)), last)}
      {button(t('edit.menu.duplicate'), () => act({ what: 'duplicated', name }, (d) => edits.duplicate(d, path)))}
      {button(t('edit.menu.remove'), () => act({ what: 'removed', name }, (d) => edits.remove(d, path)))}
    </div>
  );
}
