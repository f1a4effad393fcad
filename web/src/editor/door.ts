import { api, Problem, take } from '../api/client';
import type { Door, Finding, Format, Saved } from './session';

export interface Opened {
  saved: Saved;
  problems: Finding[];
  state: string;
  deployed: boolean;
}

interface Answered<T> {
  data?: T | undefined;
  error?: unknown;
  response: Response;
}

/** Returns what a call answers, with the revision that it names. */
async function tagged<T>(call: Promise<Answered<T>>): Promise<[T, string | undefined]> {
  let tag: string | undefined;
  const data = await take(
    call.then((answer) => {
      tag = answer.response.headers.get('ETag') ?? undefined;
      return answer;
    }),
  );
  return [data, tag];
}

// A draft that is being saved while it is opened again is read only after that.
const leaving = new Map<string, Promise<void>>();

/** Notes that a draft is being saved by a page that was left. */
export function leave(kind: string, path: string, saved: Promise<void>): void {
  const key = `${kind} ${path}`;
  leaving.set(key, saved);
  void saved.finally(() => leaving.get(key) === saved && leaving.delete(key));
}

/** Reads an object of the inventory. */
export async function openObject(kind: string, path: string): Promise<Opened> {
  await leaving.get(`${kind} ${path}`);
  const [o, etag] = await tagged(api.GET('/inventory/object', { params: { query: { kind, path } } }));
  const format: Format = o.format === 'yaml' ? 'yaml' : 'json';
  return {
    saved: { text: o.text, format, etag, at: o.object.changedAt, by: o.object.changedBy },
    problems: o.problems,
    state: o.object.state,
    deployed: o.object.deployed,
  };
}

/** The way of a draft to the server. */
export function doorOf(kind: string, path: string, onSaved: (state: string) => void): Door {
  return {
    save: async (text, format, etag) => {
      const query = { kind, path };
      const header = etag === undefined ? { 'If-None-Match': '*' } : { 'If-Match': etag };
      const [o, now] = await tagged(
        api.PUT('/inventory/object', { params: { query, header }, body: { text, format } }),
      );
      onSaved(o.object.state);
      return { text, format, etag: now, at: o.object.changedAt, by: o.object.changedBy, problems: o.problems };
    },
    check: async (text, format) =>
      (await take(api.POST('/inventory/validate', { body: { kind, path, text, format } }))).problems,
    read: async () => (await openObject(kind, path)).saved,
    isConflict: (cause) => cause instanceof Problem && cause.code === 'ObjectChanged',
  };
}

/** Makes a draft of something new. */
export async function createObject(kind: string, path: string, text: string): Promise<void> {
  const params = { query: { kind, path }, header: { 'If-None-Match': '*' } };
  await take(api.PUT('/inventory/object', { params, body: { text, format: 'json' } }));
}
