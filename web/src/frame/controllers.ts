import { useQuery } from '@tanstack/react-query';
import { api, take } from '../api/client';

/** How the Controllers and their members are. */
export function useControllers() {
  return useQuery({
    queryKey: ['agents', 'controllers'],
    queryFn: () => take(api.GET('/controllers/status')),
    refetchInterval: 5000,
  });
}
