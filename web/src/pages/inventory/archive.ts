import { Problem, type Schemas } from '../../api/client';

export type Imported = Schemas['ImportResponse'];

/** What becomes of names on their way into this installation. */
export interface Mapping {
  folder: string;
  prefix: string;
  suffix: string;
  /** OLD=NEW, a line each. */
  folders: string;
  agents: string;
}

export const noMapping: Mapping = { folder: '', prefix: '', suffix: '', folders: '', agents: '' };

/** Lines of OLD=NEW, as the API takes them; what isn't one is told by the API. */
const pairs = (lines: string) =>
  lines
    .split('\n')
    .map((l) => l.trim())
    .filter(Boolean)
    .join(',');

export interface ImportOptions {
  deploy: boolean;
  preview: boolean;
  overwrite: boolean;
  controller?: string | undefined;
  reason?: string | undefined;
  requestId?: string | undefined;
  mapping: Mapping;
}

/** The address of an import. */
export function importAddress(o: ImportOptions): string {
  const q = new URLSearchParams();
  const set = (name: string, value: string | undefined) => {
    if (value) q.set(name, value);
  };
  set('folder', o.mapping.folder.trim());
  set('prefix', o.mapping.prefix.trim());
  set('suffix', o.mapping.suffix.trim());
  set('mapFolder', pairs(o.mapping.folders));
  set('mapAgent', pairs(o.mapping.agents));
  set('preview', o.preview ? 'true' : undefined);
  if (o.deploy) {
    set('controller', o.controller);
    set('requestId', o.requestId);
  } else set('overwrite', o.overwrite ? 'true' : undefined);
  set('reason', o.reason?.trim());
  return `/api/v1/${o.deploy ? 'deployments/import' : 'inventory/import'}?${q}`;
}

/** Whether what was previewed would be refused. */
export function wouldBeRefused(out: Imported, overwrite: boolean): boolean {
  return out.problems.length > 0 || (!overwrite && out.objects.some((o) => o.change === 'conflict'));
}

/** Sends an archive, and tells how much of it has gone: a fetch can't. */
export function sendArchive(file: File, address: string, onProgress: (part: number) => void): Promise<Imported> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open('POST', address);
    request.setRequestHeader('Content-Type', file.name.endsWith('.zip') ? 'application/zip' : 'application/gzip');
    request.responseType = 'json';
    request.upload.onprogress = (e) => onProgress(e.lengthComputable ? e.loaded / e.total : 0);
    request.onerror = () => reject(new Problem({ code: 'NoConnection', kind: 'offline', status: 0 }));
    request.onload = () => {
      const body: unknown = request.response;
      if (request.status === 200) resolve(body as Imported);
      else if (typeof body === 'object' && body !== null && 'code' in body)
        reject(new Problem(body as Schemas['Problem']));
      else reject(new Problem({ code: 'BadAnswer', kind: 'internal', status: request.status }));
    };
    request.send(file);
  });
}

/** Lets the browser keep a file. */
export function keepFile(data: Blob, name: string): void {
  const address = URL.createObjectURL(data);
  const link = document.createElement('a');
  link.href = address;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}
