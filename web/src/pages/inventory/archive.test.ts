import { describe, expect, it } from 'vitest';
import { importAddress, noMapping, wouldBeRefused, type Imported } from './archive';

describe('importAddress', () => {
  const options = { deploy: false, preview: true, overwrite: true, mapping: noMapping };
  it('has what is set, and no more', () => {
    expect(importAddress(options)).toBe('/api/v1/inventory/import?preview=true&overwrite=true');
  });
  it('has mappings as pairs', () => {
    const mapping = { ...noMapping, folder: ' x ', agents: 'a=b\n\n c=d ', folders: 'dev=prod' };
    expect(importAddress({ ...options, deploy: true, preview: false, controller: 'c', reason: 'r', mapping })).toBe(
      '/api/v1/deployments/import?folder=x&mapFolder=dev%3Dprod&mapAgent=a%3Db%2Cc%3Dd&controller=c&reason=r',
    );
  });
});

describe('wouldBeRefused', () => {
  const out: Imported = { preview: true, objects: [], problems: [], deployed: [] };
  const conflict = {
    ...out,
    objects: [
      { kind: 'Workflow', path: 'w', file: 'w', change: 'conflict', signed: false, problems: [], adjusted: [] },
    ],
  } satisfies Imported;
  it('is, for problems and for conflicts that nobody overwrites', () => {
    expect(wouldBeRefused(out, false)).toBe(false);
    expect(wouldBeRefused({ ...out, problems: [{ message: 'x' }] }, true)).toBe(true);
    expect(wouldBeRefused(conflict, false)).toBe(true);
    expect(wouldBeRefused(conflict, true)).toBe(false);
  });
});
