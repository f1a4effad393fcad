import { useQuery } from '@tanstack/react-query';
import { useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import { api, take, type Schemas } from '../api/client';
import { keyOf, normal, readPosition } from '../graph/position';
import { readTree, type Tree } from '../graph/tree';
import { stepName } from '../graph/words';

export interface WorkflowDocument {
  workflow: Schemas['Workflow'] | undefined;
  /** Undefined while it isn't there, or if it can't be read: an order can be dealt with all the same. */
  tree: Tree | undefined;
  /** What the step at a position is called; empty if that isn't known. */
  nameOf: (position: unknown) => string;
}

/** The workflow of an order in its version, which never changes; only its marks do. */
export function useWorkflowDocument(of: { path: string; versionId: string } | undefined): WorkflowDocument {
  const { t } = useTranslation();
  const query = useQuery({
    queryKey: ['workflow', of?.path, 'document', of?.versionId],
    queryFn: () => take(api.GET('/workflow', { params: { query: of ?? { path: '' } } })),
    staleTime: Infinity,
    enabled: of !== undefined,
    retry: false,
  });
  const text = query.data?.document;
  return useMemo(() => {
    const tree = treeOf(text);
    const nameOf = (position: unknown) => {
      const at = readPosition(position);
      const step = at && tree?.steps.get(keyOf(normal(at)));
      return step ? stepName(step, t) : '';
    };
    return { workflow: query.data, tree, nameOf };
  }, [text, query.data, t]);
}

function treeOf(document: string | undefined): Tree | undefined {
  if (document === undefined) return undefined;
  try {
    return readTree(document);
  } catch {
    return undefined;
  }
}
