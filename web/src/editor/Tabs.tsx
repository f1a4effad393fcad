import { Button } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, take, type Schemas } from '../api/client';
import { Confirm } from '../dialogs/Confirm';
import { problemText } from '../dialogs/problem';
import { useMethods } from '../session/LoginPage';
import { useMay } from '../session/session';
import { ObjectBadge } from '../state/Badge';
import { Time } from '../time/Time';
import { Name, Text } from '../view/Name';
import { Empty, Shown } from '../view/View';
import type { DraftSession } from './session';
import { makeRelease } from './Touch';

interface Of {
  kind: string;
  path: string;
}

/** What was deployed, and what was saved under a name. */
export function Versions({ kind, path, session, may }: Of & { session: DraftSession; may: boolean }) {
  const { t } = useTranslation();
  const [refusal, setRefusal] = useState<unknown>();
  const [releases, setReleases] = useState<Schemas['ObjectVersion']>();
  const navigate = useNavigate();
  const mayDeploy = useMay('deployments:manage');
  const high = useMethods().data?.securityLevel === 'high';
  const query = useQuery({
    queryKey: ['inventory', 'versions', kind, path],
    queryFn: () => take(api.GET('/inventory/versions', { params: { query: { kind, path } } })),
  });
  const goBack = async (v: Schemas['ObjectVersion']) => {
    setRefusal(undefined);
    try {
      const version = await take(api.GET('/inventory/version', { params: { query: { id: v.id } } }));
      const text = version.text ?? '';
      if (version.format === session.get().format) session.edit(text, { what: 'version', name: nameOf(v) });
      else session.convert(text, version.format === 'yaml' ? 'yaml' : 'json');
    } catch (cause) {
      setRefusal(cause);
    }
  };
  return (
    <Shown query={query}>
      {({ versions }) =>
        versions.length === 0 ? (
          <Empty title={t('edit.versions.none')}>{t('edit.versions.noneText')}</Empty>
        ) : (
          <>
            {refusal !== undefined && (
              <p className="problem-line" role="alert">
                <Text>{problemText(refusal, t)}</Text>
              </p>
            )}
            <table className="plain-table" aria-label={t('edit.tab.versions')}>
              <thead>
                <tr>
                  <th>{t('edit.versions.version')}</th>
                  <th>{t('edit.versions.time')}</th>
                  <th>{t('edit.versions.by')}</th>
                  <th className="wide-cell">{t('edit.versions.signer')}</th>
                  <th className="wide-cell">{t('dialog.reason')}</th>
                  <th />
                </tr>
              </thead>
              <tbody>
                {versions.map((v) => (
                  <tr key={v.id} data-testid="row" data-key={v.id}>
                    <td>
                      <Name of={nameOf(v)} />
                    </td>
                    <td>
                      <Time at={v.time} />
                      {v.deploymentId !== undefined && (
                        <>
                          {' '}
                          <Link to="/deployments/$id" params={{ id: String(v.deploymentId) }} className="caption">
                            {t('deployments.inDeployment', { id: v.deploymentId })}
                          </Link>
                        </>
                      )}
                    </td>
                    <td>
                      <Text>{v.account}</Text>
                    </td>
                    <td className="wide-cell second">
                      <Text>{v.signer ?? ''}</Text>
                    </td>
                    <td className="wide-cell second">
                      <Text>{v.reason ?? ''}</Text>
                    </td>
                    <td>
                      {may && (
                        <Button variant="default" size="xs" onClick={() => void goBack(v)}>
                          {t('edit.versions.use')}
                        </Button>
                      )}
                      {high && mayDeploy && v.deploymentId !== undefined && (
                        <Button variant="default" size="xs" ml={4} onClick={() => setReleases(v)}>
                          {t('touch.prepare')}
                        </Button>
                      )}
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
            {releases && (
              <Confirm
                question={t('release.ofVersionAsk', { name: nameOf(releases) })}
                consequences={[t('release.ofVersionWill')]}
                verb={t('touch.prepare')}
                reason="required"
                act={async (reason) => {
                  const { id } = await makeRelease([{ kind, path, version: releases.id }], reason ?? '');
                  await navigate({ to: '/deployments/releases/$id', params: { id: String(id) } });
                }}
                onClose={() => setReleases(undefined)}
              />
            )}
          </>
        )
      }
    </Shown>
  );
}

const nameOf = (v: Schemas['ObjectVersion']) => v.name || v.versionId || String(v.id);

/** The objects that name this one. */
export function UsedBy({ kind, path }: Of) {
  const { t } = useTranslation();
  const query = useQuery({
    queryKey: ['inventory', 'users', kind, path],
    queryFn: () => take(api.GET('/inventory/usedby', { params: { query: { kind, path } } })),
  });
  return (
    <Shown query={query}>
      {({ users }) =>
        users.length === 0 ? (
          <Empty title={t('edit.usedBy.none')} />
        ) : (
          <ul className="stack-small" aria-label={t('edit.tab.usedby')}>
            {users.map((u) => (
              <li key={`${u.kind} ${u.path}`} className="row">
                <ObjectBadge status={u.state} />
                <Link to="/inventory" search={{ kind: u.kind, path: u.path }}>
                  <Name of={u.path} />
                </Link>
                <span className="caption">
                  <Text>{u.pointers.join(', ')}</Text>
                </span>
              </li>
            ))}
          </ul>
        )
      }
    </Shown>
  );
}
