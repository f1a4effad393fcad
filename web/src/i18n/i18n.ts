import i18next from 'i18next';
import { initReactI18next } from 'react-i18next';
import { getSettings, onSettings } from '../settings/settings';
import de from './de.json';
import en from './en.json';

/** Texts of the pages. React shows texts as text, so nothing has to be escaped. */
export const i18n = i18next.createInstance();

export function startTexts(): void {
  void i18n.use(initReactI18next).init({
    resources: { en: { translation: en }, de: { translation: de } },
    lng: getSettings().language,
    fallbackLng: 'en',
    interpolation: { escapeValue: false },
    initAsync: false,
  });
  document.documentElement.lang = getSettings().language;
  onSettings(() => {
    const { language } = getSettings();
    if (i18n.language === language) return;
    document.documentElement.lang = language;
    void i18n.changeLanguage(language);
  });
}
