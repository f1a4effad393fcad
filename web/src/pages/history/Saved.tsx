import { Menu, TextInput } from '@mantine/core';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import '../../theme/menus.css';
import { api, take } from '../../api/client';
import { Confirm } from '../../dialogs/Confirm';
import { useSession } from '../../session/session';
import { Name } from '../../view/Name';

interface Props {
  page: string;
  search: Readonly<Record<string, string | undefined>>;
  onOpen: (query: string) => void;
}

function queryOf(search: Props['search']): string {
  const q = new URLSearchParams();
  for (const [name, value] of Object.entries(search)) if (value !== undefined) q.set(name, value);
  return q.toString();
}

/** Filters that were given a name: opened, saved, deleted. */
export function Saved({ page, search, onOpen }: Props) {
  const { t } = useTranslation();
  const session = useSession();
  const queries = useQueryClient();
  const [name, setName] = useState<string>();
  const filters = useQuery({
    queryKey: ['filters', page],
    queryFn: () => take(api.GET('/filters', { params: { query: { page } } })),
  });
  const again = () => queries.invalidateQueries({ queryKey: ['filters', page] });
  const mine = session.kind === 'open' ? session.me.account : '';
  const save = async () => {
    const old = filters.data?.filters.find((f) => f.owner === mine && f.name === name);
    await take(
      api.PUT('/filters/{page}/{name}', {
        params: {
          path: { page, name: name ?? '' },
          header: old ? { 'If-Match': `"${old.revision}"` } : { 'If-None-Match': '*' },
        },
        body: { query: queryOf(search), shared: false },
      }),
    );
    await again();
  };
  const remove = async (of: string) => {
    await take(api.DELETE('/filters/{page}/{name}', { params: { path: { page, name: of } } }));
    await again();
  };
  return (
    <>
      <Menu position="bottom-end" width={280} shadow="none">
        <Menu.Target>
          <button type="button" className="button">
            {t('saved.title')}
          </button>
        </Menu.Target>
        <Menu.Dropdown>
          {(filters.data?.filters ?? []).map((f) => (
            <Menu.Item key={`${f.owner} ${f.name}`} onClick={() => onOpen(f.query)}>
              <Name of={f.name} most={28} />
              {f.owner !== mine && <span className="faint"> {f.owner}</span>}
            </Menu.Item>
          ))}
          {filters.data?.filters.length === 0 && <Menu.Label>{t('saved.none')}</Menu.Label>}
          <Menu.Divider />
          <Menu.Item onClick={() => setName('')}>{t('saved.save')}</Menu.Item>
          {(filters.data?.filters ?? [])
            .filter((f) => f.owner === mine && f.query === queryOf(search))
            .map((f) => (
              <Menu.Item key={f.name} onClick={() => void remove(f.name)}>
                {t('saved.delete', { name: f.name })}
              </Menu.Item>
            ))}
        </Menu.Dropdown>
      </Menu>
      {name !== undefined && (
        <Confirm
          question={t('saved.question')}
          verb={t('saved.verb')}
          reason="none"
          act={save}
          onClose={() => setName(undefined)}
        >
          <TextInput
            label={t('saved.name')}
            value={name}
            onChange={(e) => setName(e.currentTarget.value)}
            maxLength={100}
            required
            withAsterisk={false}
            data-autofocus
          />
        </Confirm>
      )}
    </>
  );
}
