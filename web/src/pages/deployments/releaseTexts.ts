import { useQueries } from '@tanstack/react-query';
import { api, take, type Schemas } from '../../api/client';
import { withoutHead } from '../../editor/diff';
import { between } from '../../editor/Said';

export type ReleaseObject = Schemas['DeployObject'];

/** What is deployed of an object, and what is to come, without what the server puts at its head. */
export interface Texts {
  before: string;
  after: string;
  change: 'new' | 'changed' | 'same';
  /** Something runs differently by it. */
  runs: boolean;
}

async function deployedText({ kind, path }: ReleaseObject): Promise<string> {
  const answer = await api.GET('/inventory/object', { params: { query: { kind, path, source: 'deployed' } } });
  if (answer.response.status === 404) return ''; // it was never deployed
  return (await take(Promise.resolve(answer))).text;
}

/** Tells the texts of an object, and what they mean. */
export function textsOf(deployed: string, document: string): Texts {
  const [before, after] = [deployed && withoutHead(deployed, '{}'), withoutHead(document, '{}')];
  const said = before ? between(before, after) : undefined;
  const same = before !== '' && (before === after || said?.length === 0);
  return {
    before,
    after,
    change: before === '' ? 'new' : same ? 'same' : 'changed',
    // What can't be read may do anything.
    runs: before !== '' && !same && (said?.some((s) => s.runs) ?? true),
  };
}

/** The texts of the objects of a release, in their order. */
export function useReleaseTexts(objects: readonly ReleaseObject[]) {
  return useQueries({
    queries: objects.map((o) => ({
      queryKey: ['inventory', 'release', o.kind, o.path, o.document],
      queryFn: async () => textsOf(await deployedText(o), o.document),
    })),
  });
}
