import { useQuery } from '@tanstack/react-query';
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

/**
 * A document in lines that can be read. Nothing but white space is added, outside of
 * texts and where a text has a line end: every sign that is signed stays in sight.
 */
export function inLines(json: string): string {
  const tokens = json.match(/"(?:[^"\\]|\\.)*"?|[{}[\],:]|[^\s"{}[\],:]+/gs) ?? [];
  let out = '';
  let depth = 0;
  const line = () => `\n${'  '.repeat(depth)}`;
  tokens.forEach((token, i) => {
    if ('}]'.includes(token)) {
      depth = Math.max(0, depth - 1);
      if (!'{['.includes(tokens[i - 1] ?? ' ')) out += line();
    }
    out += token.startsWith('"') ? token.replace(/((?:^|[^\\])(?:\\\\)*\\n)(?!"$)/g, `$1${line()}  `) : token;
    if ('{['.includes(token)) {
      depth++;
      if (!'}]'.includes(tokens[i + 1] ?? ' ')) out += line();
    } else if (token === ',') out += line();
    else if (token === ':') out += ' ';
  });
  return out;
}

/** Tells the texts of an object, and what they mean; of what isn't deployed yet the first is empty. */
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

/** The texts of an object; version is the one that is deployed now. */
export function useReleaseTexts(o: ReleaseObject, version: number | undefined) {
  return useQuery({
    queryKey: ['inventory', 'release texts', o.kind, o.path, version, o.document],
    queryFn: async () => {
      if (!version) return textsOf('', o.document);
      const before = await take(api.GET('/inventory/version', { params: { query: { id: version } } }));
      return textsOf(before.text ?? '', o.document);
    },
    staleTime: Infinity,
  });
}
