// What each view reads from its address. A value that makes no sense is left out:
// a wrong link shows the view, not an error.

type Raw = Record<string, unknown>;

function text(v: unknown): string | undefined {
  if (typeof v === 'string' && v !== '') return v;
  return typeof v === 'number' || typeof v === 'boolean' ? String(v) : undefined;
}

function one<T extends string>(v: unknown, of: readonly T[]): T | undefined {
  return of.find((x) => x === v);
}

/**
 * Types what a view reads. What makes no sense stays as undefined: if it were left
 * out, the router would put back what stood in the address.
 */
function kept<T extends Raw>(o: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return o as { [K in keyof T]?: Exclude<T[K], undefined> };
}

/** Returns what an address says after a change; what is undefined goes. */
export function changed<T extends object>(s: T, change: { [K in keyof T]?: T[K] | undefined }): T {
  return kept({ ...s, ...change } as Raw) as T;
}

/** Only an address of our own: another's page must not be where a login leads to. */
export function ownAddress(v: unknown): string | undefined {
  const s = text(v);
  return s && /^\/(?![/\\])/.test(s) ? s : undefined;
}

export const login = (s: Raw) => kept({ next: ownAddress(s['next']) });
export const dashboard = (s: Raw) => kept({ folder: text(s['folder']) });
export const workflows = (s: Raw) => kept({ folder: text(s['folder']), q: text(s['q']), state: text(s['state']) });
/** A position, or a list of them, as JSON: the router has read it if it stands there bare. */
const positions = (v: unknown) => (Array.isArray(v) ? JSON.stringify(v) : text(v));
export const workflow = (s: Raw) =>
  kept({
    version: text(s['version']),
    tab: one(s['tab'], ['graph', 'orders', 'runs', 'definition'] as const),
    at: positions(s['at']),
    open: positions(s['open']),
    fold: positions(s['fold']),
    order: text(s['order']),
  });
export const orders = (s: Raw) =>
  kept({
    state: text(s['state']),
    workflow: text(s['workflow']),
    folder: text(s['folder']),
    agent: text(s['agent']),
    q: text(s['q']),
    sort: one(s['sort'], ['need', 'id', 'since', 'start'] as const),
    children: one(s['children'], ['show'] as const),
  });
export const order = (s: Raw) =>
  kept({
    tab: one(s['tab'], ['timeline', 'log', 'variables', 'events'] as const),
    step: text(s['step']),
    line: text(s['line']),
    find: text(s['find']),
    /** The dialog is open: the step at which the order is to go on, or "here". */
    resume: positions(s['resume']),
  });
export const history = (s: Raw) =>
  kept({
    kind: one(s['kind'], ['orders', 'steps'] as const),
    from: text(s['from']),
    to: text(s['to']),
    state: text(s['state']),
    workflow: text(s['workflow']),
    job: text(s['job']),
    agent: text(s['agent']),
    rc: text(s['rc']),
    q: text(s['q']),
  });
export const inventory = (s: Raw) =>
  kept({
    folder: text(s['folder']),
    q: text(s['q']),
    kind: text(s['kind']),
    path: text(s['path']),
    state: text(s['state']),
    tab: one(s['tab'], ['edit', 'diff', 'versions', 'usedby', 'trash'] as const),
    view: text(s['view']),
    at: text(s['at']),
  });
export const deployments = (s: Raw) =>
  kept({
    show: one(s['show'], ['waiting', 'refused'] as const),
    from: text(s['from']),
    to: text(s['to']),
    account: text(s['account']),
    path: text(s['path']),
    folder: text(s['folder']),
    signer: text(s['signer']),
    release: text(s['release']),
  });
/** One deployment: the object whose differences are open, as KIND:PATH. */
export const deployment = (s: Raw) => kept({ object: text(s['object']) });
/** A page of one part. */
export const part = (s: Raw) => kept({ tab: one(s['tab'], ['log'] as const) });
export const agents = (s: Raw) => kept({ q: text(s['q']) });
export const certificates = (s: Raw) =>
  kept({
    tab: one(s['tab'], ['issued', 'use', 'authority', 'lists'] as const),
    purpose: one(s['purpose'], ['node', 'signing', 'user'] as const),
    state: one(s['state'], ['soon', 'valid', 'renewed', 'ended', 'revoked'] as const),
    q: text(s['q']),
    /** Whose details are open. */
    serial: text(s['serial']),
  });
export const audit = (s: Raw) =>
  kept({
    from: text(s['from']),
    to: text(s['to']),
    account: text(s['account']),
    action: text(s['action']),
    object: text(s['object']),
    q: text(s['q']),
  });
