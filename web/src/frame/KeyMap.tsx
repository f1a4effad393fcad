import { Modal } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import '../theme/dialogs.css';
import { groups } from './keymap';
import './keymap.css';

/** All keys, and what they do. */
export default function KeyMap({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation();
  return (
    <Modal
      opened
      onClose={onClose}
      title={t('keys.title')}
      size={720}
      closeButtonProps={{ 'aria-label': t('keys.close') }}
    >
      <div className="keymap">
        {groups.map((g) => (
          <section key={g.name} aria-labelledby={`keys-${g.name}`}>
            <h3 id={`keys-${g.name}`}>{t(`keys.group.${g.name}`)}</h3>
            <dl>
              {g.keys.map(([keys, what]) => (
                <div key={what}>
                  <dt>
                    {keys.split(' ').map((k) => (
                      <kbd key={k}>{t(`keys.key.${k}`, k)}</kbd>
                    ))}
                  </dt>
                  <dd>{t(`keys.${what}`)}</dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
      </div>
      <p className="caption">{t('keys.off')}</p>
    </Modal>
  );
}
