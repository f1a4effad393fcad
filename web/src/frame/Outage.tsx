import { useTranslation } from 'react-i18next';
import { Time } from '../time/Time';
import { Text } from '../view/Name';
import { useControllers } from './controllers';
import './outage.css';

/** Says of a Controller that doesn't answer what is known, as of when, and what can't be done. */
export default function Outage() {
  const { t } = useTranslation();
  const controllers = useControllers().data?.controllers ?? [];
  return (
    <>
      {controllers.map(
        (c) =>
          c.problem && (
            <div key={c.id} className="outage" role="status" aria-label={t('parts.outage')}>
              <p>
                <b>
                  <Text>{t(c.asOf === undefined ? 'parts.refuses' : 'parts.unreachable', { id: c.id })}</Text>
                </b>{' '}
                <Text>{c.problem.message}</Text>
              </p>
              <p>
                {c.asOf !== undefined && (
                  <>
                    {t('parts.shownAsOf')} <Time at={c.asOf} />.{' '}
                  </>
                )}
                {t('parts.cantBeDone')}
              </p>
            </div>
          ),
      )}
    </>
  );
}
