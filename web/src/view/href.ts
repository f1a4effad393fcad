/** The address of a workflow's page; each segment of its path is encoded. */
export function workflowHref(path: string): string {
  return `/workflows/${path.split('/').map(encodeURIComponent).join('/')}`;
}
