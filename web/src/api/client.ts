import createClient from 'openapi-fetch';
import type { components, paths } from './schema.gen';

export type Schemas = components['schemas'];

/** Why the Cockpit refused a call (RFC 9457), or why it couldn't be asked. */
export class Problem extends Error {
  readonly code: string;
  readonly kind: string;
  readonly status: number;
  /** The object that it is about: "Workflow:nightly/load". */
  readonly subject: string | undefined;
  readonly problems: readonly Schemas['ProblemDetail'][];

  constructor(p: {
    code: string;
    kind: string;
    status: number;
    detail?: string;
    title?: string;
    subject?: string;
    problems?: readonly Schemas['ProblemDetail'][];
  }) {
    super(p.detail ?? p.title ?? p.code);
    this.code = p.code;
    this.kind = p.kind;
    this.status = p.status;
    this.subject = p.subject;
    this.problems = p.problems ?? [];
  }
}

/** The one client of the API. The session is in a cookie that no script can read. */
export const api = createClient<paths>({
  baseUrl: `${location.origin}/api/v1`,
  credentials: 'same-origin',
  fetch: (request) => globalThis.fetch(request),
});

interface Answer<T> {
  data?: T | undefined;
  error?: unknown;
  response: Response;
}

/** Returns what a call answers, or throws the Problem. */
export async function take<T>(call: Promise<Answer<T>>): Promise<T> {
  let answer: Answer<T>;
  try {
    answer = await call;
  } catch (cause) {
    if (cause instanceof DOMException && cause.name === 'AbortError') throw cause;
    throw new Problem({ code: 'NoConnection', kind: 'offline', status: 0 });
  }
  if (answer.response.ok) return answer.data as T;
  throw problemOf(answer.error, answer.response.status);
}

function problemOf(body: unknown, status: number): Problem {
  if (typeof body === 'object' && body !== null && 'code' in body && typeof body.code === 'string') {
    return new Problem(body as Schemas['Problem']);
  }
  return new Problem({ code: 'BadAnswer', kind: 'internal', status });
}
