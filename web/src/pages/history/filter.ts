/** What the history is filtered by, as the API takes it. */
export interface HistoryFilter {
  from?: number;
  to?: number;
  result?: string;
  workflow?: string;
  job?: string;
  agent?: string;
  returnCode?: number;
  text?: string;
}

/** The address of a file with all rows that a filter selects. */
export function exportHref(kind: 'orders' | 'steps', format: 'csv' | 'json', filter: HistoryFilter): string {
  const query = new URLSearchParams({ kind: kind === 'steps' ? 'steps' : 'runs', format });
  for (const [name, value] of Object.entries(filter)) query.set(name, String(value));
  return `/api/v1/history/export?${query}`;
}
