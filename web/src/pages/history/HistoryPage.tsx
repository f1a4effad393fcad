import { useTranslation } from 'react-i18next';
import { View } from '../../view/View';

export default function HistoryPage() {
  const { t } = useTranslation();
  return (
    <View name="history" title={t('nav.orders')} tab="History" ready>
      {null}
    </View>
  );
}
