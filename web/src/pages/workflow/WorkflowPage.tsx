import { useTranslation } from 'react-i18next';
import { View } from '../../view/View';

export default function WorkflowPage() {
  const { t } = useTranslation();
  return (
    <View name="workflow" title={t('nav.orders')} tab="Workflow" ready>
      {null}
    </View>
  );
}
