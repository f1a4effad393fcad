import { Link } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import { Empty } from './View';

export function NotFound() {
  const { t } = useTranslation();
  return (
    <main className="page" data-view="not-found" data-ready="true">
      <Empty title={t('view.notFound')} action={<Link to="/">{t('view.toDashboard')}</Link>}>
        {t('view.notFoundText')}
      </Empty>
    </main>
  );
}
