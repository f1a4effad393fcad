import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, take } from '../api/client';
import { Shown, Skeleton } from '../view/View';
import { withoutHead } from './diff';
import { Said } from './Said';

interface Props {
  kind: string;
  path: string;
  /** Tells one opening of the dialog from another: what was answered before may be of an older draft. */
  opened: number;
  /** The differences are shown at once. */
  open: boolean;
}

async function textOf(kind: string, path: string, source?: string): Promise<string> {
  const query = { kind, path, ...(source !== undefined && { source }) };
  const { text, format } = await take(api.GET('/inventory/object', { params: { query } }));
  if (format !== 'yaml') return text;
  return (await take(api.POST('/inventory/convert', { body: { text, format, to: 'json' } }))).text;
}

/** What a deployment changes at an object, in words. */
export function Changes({ kind, path, opened, open }: Props) {
  const { t } = useTranslation();
  const [shown, setShown] = useState(open);
  const query = useQuery({
    queryKey: ['inventory', 'changes', opened, kind, path],
    queryFn: async () => {
      const [before, after] = await Promise.all([textOf(kind, path, 'deployed'), textOf(kind, path)]);
      return { before: withoutHead(before, after), after };
    },
    enabled: shown,
    gcTime: 0,
  });
  return (
    <details open={open} className="changes" onToggle={(e) => setShown(e.currentTarget.open)}>
      <summary>{t('edit.whatChanges')}</summary>
      {shown && (
        <Shown query={query} skeleton={<Skeleton rows={1} />}>
          {(texts) => <Said {...texts} label={t('edit.changesOf', { name: path })} />}
        </Shown>
      )}
    </details>
  );
}
