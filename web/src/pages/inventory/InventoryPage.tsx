import { useTranslation } from 'react-i18next';
import { View } from '../../view/View';

export default function InventoryPage() {
  const { t } = useTranslation();
  return (
    <View name="inventory" title={t('nav.orders')} tab="Inventory" ready>
      {null}
    </View>
  );
}
