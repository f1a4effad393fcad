import { useTranslation } from 'react-i18next';
import { View } from '../../view/View';

export default function OrderPage() {
  const { t } = useTranslation();
  return (
    <View name="order" title={t('nav.orders')} tab="Order" ready>
      {null}
    </View>
  );
}
