import { TextInput } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, take, type Schemas } from '../../api/client';
import { Confirm } from '../../dialogs/Confirm';

type Agent = Schemas['Agent'];

export type AgentAct = { kind: 'add' } | { kind: 'disable' | 'enable' | 'reset'; agent: Agent };

/** Asks before an Agent is added, taken out of service, or reset. */
export function AgentDialog({ act, onClose }: { act: AgentAct; onClose: () => void }) {
  const { t } = useTranslation();
  const queries = useQueryClient();
  const [name, setName] = useState('');
  const [uri, setUri] = useState('https://');
  const agent = act.kind === 'add' ? undefined : act.agent;
  const carryOut = async (reason: string | undefined) => {
    const why = reason ? { reason } : {};
    if (act.kind === 'reset') {
      await take(api.POST('/agents/{name}/reset', { params: { path: { name: act.agent.name } }, body: why }));
    } else {
      const body = agent
        ? {
            name: agent.name,
            uri: agent.uri,
            disabled: act.kind === 'disable',
            ...(agent.processLimit === undefined ? {} : { processLimit: agent.processLimit }),
          }
        : { name, uri };
      await take(api.POST('/agents', { body: { ...body, ...why } }));
    }
    await queries.invalidateQueries({ queryKey: ['agents'] });
  };
  const values = { name: agent?.name ?? '', running: agent?.running ?? 0, orders: agent?.orders ?? 0 };
  return (
    <Confirm
      question={t(`agents.${act.kind}.question`, values)}
      consequences={t(`agents.${act.kind}.consequences`, { returnObjects: true, ...values }) as string[]}
      verb={t(`agents.${act.kind}.verb`)}
      danger={act.kind === 'reset'}
      reason={act.kind === 'add' || act.kind === 'enable' ? 'optional' : 'required'}
      {...(act.kind === 'reset' ? { typed: act.agent.name } : {})}
      act={carryOut}
      onClose={onClose}
    >
      {act.kind === 'add' && (
        <>
          <TextInput
            label={t('agents.name')}
            description={t('agents.nameHelp')}
            value={name}
            onChange={(e) => setName(e.currentTarget.value)}
            required
            withAsterisk={false}
          />
          <TextInput
            label={t('agents.address')}
            description={t('agents.addressHelp')}
            value={uri}
            onChange={(e) => setUri(e.currentTarget.value)}
            required
            withAsterisk={false}
          />
        </>
      )}
    </Confirm>
  );
}
