import { useTranslation } from 'react-i18next';
import { View } from '../../view/View';

export default function AgentsPage() {
  const { t } = useTranslation();
  return (
    <View name="agents" title={t('nav.orders')} tab="Agents" ready>
      {null}
    </View>
  );
}
