import { useSyncExternalStore } from 'react';

/** What a person has chosen for this browser. */
export interface Settings {
  theme: 'system' | 'light' | 'dark';
  language: 'en' | 'de';
  density: 'normal' | 'compact';
  /** Whose clock times are shown by. */
  zone: 'mine' | 'utc';
  singleKeys: boolean;
  /** The steps that can be dragged into a graph are shown beside it. */
  shelf: boolean;
  /** The share of the width that each pane of the editor has, in parts of one. */
  panes: Readonly<Record<string, number>>;
}

/** What can be chosen, for menus. */
export const choices = {
  theme: ['system', 'light', 'dark'],
  language: ['en', 'de'],
  zone: ['mine', 'utc'],
  density: ['normal', 'compact'],
} as const;

/** Languages call themselves by their own names. */
export const languages: Record<Settings['language'], string> = { en: 'English', de: 'Deutsch' };

const name = 'signet.settings';

function preferredLanguage(): Settings['language'] {
  return navigator.language.toLowerCase().startsWith('de') ? 'de' : 'en';
}

function read(): Settings {
  const chosen: Settings = {
    theme: 'system',
    language: preferredLanguage(),
    density: 'normal',
    zone: 'mine',
    singleKeys: true,
    shelf: true,
    panes: {},
  };
  try {
    // eslint-disable-next-line no-restricted-globals -- this is the one place
    const kept: unknown = JSON.parse(localStorage.getItem(name) ?? '{}');
    if (typeof kept === 'object' && kept !== null) Object.assign(chosen, kept);
  } catch {
    // What can't be read is as if nothing had been chosen.
  }
  return chosen;
}

let settings = read();
const listeners = new Set<() => void>();

export function getSettings(): Settings {
  return settings;
}

export function setSettings(change: Partial<Settings>): void {
  settings = { ...settings, ...change };
  try {
    // eslint-disable-next-line no-restricted-globals -- this is the one place
    localStorage.setItem(name, JSON.stringify(settings));
  } catch {
    // A browser that keeps nothing: the choice holds until it is closed.
  }
  listeners.forEach((l) => l());
}

export function onSettings(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function useSettings(): Settings {
  return useSyncExternalStore(onSettings, getSettings);
}
