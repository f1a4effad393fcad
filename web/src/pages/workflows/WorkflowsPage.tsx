import { useTranslation } from 'react-i18next';
import { View } from '../../view/View';

export default function WorkflowsPage() {
  const { t } = useTranslation();
  return (
    <View name="workflows" title={t('nav.orders')} tab="Workflows" ready>
      {null}
    </View>
  );
}
