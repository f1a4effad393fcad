import { useQuery } from '@tanstack/react-query';
import { Text } from '../view/Name';
import { Shown } from '../view/View';

interface Props {
  orderId: string;
  line?: string;
  find?: string;
  onAddress: (change: { line?: string; find?: string }) => void;
}

/** What an order's jobs have written. */
export default function LogView({ orderId }: Props) {
  const log = useQuery({
    queryKey: ['order', orderId, 'log'],
    queryFn: async () => (await fetch(`/api/v1/orders/${encodeURIComponent(orderId)}/log`)).text(),
  });
  return (
    <Shown query={log}>
      {(text) => (
        <pre className="mono" role="log">
          <Text>{text}</Text>
        </pre>
      )}
    </Shown>
  );
}
