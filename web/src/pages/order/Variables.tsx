import { useTranslation } from 'react-i18next';
import { valuesIn } from '../../state/outcome';
import type { Step } from '../../timeline/timeline';
import { Name, Text } from '../../view/Name';
import type { Order } from './order';

/** A value as JSON, except that a text is shown as it is. */
function shown(v: unknown): string {
  return typeof v === 'string' ? v : JSON.stringify(v, null, 1);
}

/** The arguments of an order, and what each step has given. */
export function Variables({ order, steps }: { order: Order; steps: readonly Step[] }) {
  const { t } = useTranslation();
  const nameAt = (position: unknown[]) => {
    const at = JSON.stringify(position);
    const step = steps.find((s) => JSON.stringify(s.position) === at);
    return step?.label || step?.job || at;
  };
  const groups = [
    { key: 'arguments', title: t('orderPage.arguments'), values: order.arguments },
    ...order.historicOutcomes.map((h, i) => ({
      key: `step ${i}`,
      title: t('orderPage.resultOf', { step: nameAt(h.position) }),
      values: valuesIn(h.outcome),
    })),
  ].filter((g) => g.key === 'arguments' || Object.keys(g.values).length > 0);
  return (
    <div className="variables">
      {groups.map((g) => (
        <section key={g.key} className="card" aria-label={g.title}>
          <h2>
            <Text>{g.title}</Text>
          </h2>
          {Object.keys(g.values).length === 0 ? (
            <p className="faint">{t('orderPage.noArguments')}</p>
          ) : (
            <dl>
              {Object.entries(g.values).map(([name, value]) => (
                <div key={name}>
                  <dt>
                    <Name of={name} most={32} />
                  </dt>
                  <dd className="mono">
                    <Text>{shown(value)}</Text>
                  </dd>
                </div>
              ))}
            </dl>
          )}
        </section>
      ))}
    </div>
  );
}
