import { useTranslation } from 'react-i18next';
import { View } from '../../view/View';

export default function OrdersPage() {
  const { t } = useTranslation();
  return (
    <View name="orders" title={t('nav.orders')} tab="Orders" ready>
      {null}
    </View>
  );
}
