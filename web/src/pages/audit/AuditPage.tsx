import { useTranslation } from 'react-i18next';
import { View } from '../../view/View';

export default function AuditPage() {
  const { t } = useTranslation();
  return (
    <View name="audit" title={t('nav.orders')} tab="Audit" ready>
      {null}
    </View>
  );
}
