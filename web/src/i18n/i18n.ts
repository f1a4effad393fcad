import i18next from 'i18next';
import { initReactI18next } from 'react-i18next';
import { getSettings, onSettings, type Settings } from '../settings/settings';

type Language = Settings['language'];

/** Texts of the pages. React shows texts as text, so nothing has to be escaped. */
export const i18n = i18next.createInstance();

// Each language is a file of its own: nobody fetches texts that aren't shown.
const files: Record<Language, () => Promise<{ default: object }>> = {
  en: () => import('./en.json'),
  de: () => import('./de.json'),
};

// Texts of pages that most visits don't open, beside the common ones.
const pages = {
  objects: { en: () => import('./en.objects.json'), de: () => import('./de.objects.json') },
  profile: { en: () => import('./en.profile.json'), de: () => import('./de.profile.json') },
  trust: { en: () => import('./en.trust.json'), de: () => import('./de.trust.json') },
  certificates: { en: () => import('./en.certificates.json'), de: () => import('./de.certificates.json') },
};
type Page = keyof typeof pages;
const opened = new Set<Page>();

/** Fetches a page together with its texts, before it is shown. */
export const withTexts =
  <Module>(page: Page, component: () => Promise<Module>) =>
  async (): Promise<Module> => {
    opened.add(page);
    const { language } = getSettings();
    const [module, texts] = await Promise.all([component(), pages[page][language]()]);
    i18n.addResourceBundle(language, 'translation', texts.default, true);
    return module;
  };

/** Makes the texts ready in the language that is set, and changes it when that does. */
export async function startTexts(): Promise<void> {
  const { language } = getSettings();
  const texts = (await files[language]()).default;
  await i18n.use(initReactI18next).init({
    resources: { [language]: { translation: texts } },
    lng: language,
    fallbackLng: false,
    interpolation: { escapeValue: false },
  });
  document.documentElement.lang = language;
  onSettings(() => void change(getSettings().language));
}

async function change(language: Language): Promise<void> {
  if (!i18n.hasResourceBundle(language, 'translation')) {
    const texts = (await files[language]()).default;
    i18n.addResourceBundle(language, 'translation', texts);
  }
  for (const page of opened) {
    i18n.addResourceBundle(language, 'translation', (await pages[page][language]()).default, true);
  }
  if (language !== getSettings().language || language === i18n.language) return; // another was chosen meanwhile
  document.documentElement.lang = language;
  await i18n.changeLanguage(language);
}
