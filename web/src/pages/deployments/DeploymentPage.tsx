import { useInfiniteQuery, useQuery, useQueryClient } from '@tanstack/react-query';
import { Link, useNavigate, useParams, useSearch } from '@tanstack/react-router';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, Problem, take, type Schemas } from '../../api/client';
import { Act } from '../../dialogs/Act';
import { Confirm } from '../../dialogs/Confirm';
import { useWhyNot } from '../../dialogs/whyNot';
import { Lines } from '../../editor/Differences';
import { withoutHead } from '../../editor/diff';
import { Said } from '../../editor/Said';
import '../../editor/editor.css';
import { useMay } from '../../session/session';
import { Time } from '../../time/Time';
import { Name, Text } from '../../view/Name';
import { Shown, Skeleton, View } from '../../view/View';
import { Facts } from '../parts/PartPage';
import '../parts/parts.css';
import { Counts, Signers } from './parts';
import { RedeployDialog } from './RedeployDialog';
import './deployments.css';

type Obj = Schemas['DeploymentObject'];

const pageSize = 200;
const idOf = (o: { kind: string; path: string }) => `${o.kind}:${o.path}`;

/** One deployment: who, why, whose signatures, and what it did to each object. */
export default function DeploymentPage() {
  const { t } = useTranslation();
  const { id } = useParams({ from: '/frame/deployments/$id' });
  const { object } = useSearch({ from: '/frame/deployments/$id' });
  const navigate = useNavigate({ from: '/deployments/$id' });
  const queries = useQueryClient();
  const [asks, setAsks] = useState<'redeploy' | 'withdraw'>();
  const not = useWhyNot('deployments:manage');
  const query = useInfiniteQuery({
    queryKey: ['items', 'deployment', id],
    queryFn: ({ pageParam }) =>
      take(
        api.GET('/deployments/{id}', {
          params: {
            path: { id: Number(id) || 0 },
            query: { limit: pageSize, ...(pageParam ? { cursor: pageParam } : {}) },
          },
        }),
      ),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.cursor || undefined,
    retry: false,
  });
  const objects = query.data?.pages.flatMap((p) => p.objects) ?? [];
  const d = query.data?.pages[0]?.deployment;
  const still = objects.filter((o) => o.deployed);
  const title = t('deployments.title', { id });
  return (
    <View
      name="deployment"
      title={title}
      tab={title}
      ready={query.isSuccess || query.isError}
      actions={
        d && (
          <>
            <Act
              size="sm"
              not={not ?? (d.added + d.changed === 0 ? t('deployments.onlyWithdrew') : undefined)}
              onClick={() => setAsks('redeploy')}
            >
              {t('deployments.redeploy')}
            </Act>
            <Act
              size="sm"
              not={
                not ??
                (query.hasNextPage
                  ? t('deployments.tooMany')
                  : still.length === 0
                    ? t('deployments.nothingStill')
                    : undefined)
              }
              onClick={() => setAsks('withdraw')}
            >
              {t('deployments.withdraw')}
            </Act>
          </>
        )
      }
    >
      <nav aria-label={t('nav.deployments')} className="crumbs">
        <Link to="/deployments">{t('nav.deployments')}</Link>
      </nav>
      <Shown query={query} skeleton={<Skeleton rows={6} />}>
        {() =>
          d && (
            <div className="stack">
              <Head of={d} />
              {d.release && <Release of={d.release} />}
              <section aria-labelledby="objects" className="stack-small">
                <h2 id="objects">{t('deployments.objects')}</h2>
                {objects.length === 0 && <p className="second">{t('deployments.nothing')}</p>}
                <ul className="deployment-objects" aria-labelledby="objects">
                  {objects.map((o) => (
                    <ObjectLine
                      key={idOf(o)}
                      of={o}
                      open={object === idOf(o)}
                      onOpen={(open) =>
                        void navigate({ search: open ? { object: idOf(o) } : {}, replace: true, resetScroll: false })
                      }
                    />
                  ))}
                </ul>
                {query.hasNextPage && (
                  <button type="button" className="link" onClick={() => void query.fetchNextPage()}>
                    {t('inventory.more')}
                  </button>
                )}
              </section>
            </div>
          )
        }
      </Shown>
      {asks === 'redeploy' && d && (
        <RedeployDialog id={d.id} controller={d.controller} objects={objects} onClose={() => setAsks(undefined)} />
      )}
      {asks === 'withdraw' && d && (
        <Confirm
          question={t('deployments.withdrawAsk', { count: still.length, id })}
          consequences={[
            ...still.slice(0, 10).map((o) => o.path),
            ...(still.length > 10 ? [t('deployments.andMore', { count: still.length - 10 })] : []),
            t('deployments.withdrawWill'),
          ]}
          verb={t('deployments.withdrawOf', { count: still.length })}
          danger
          reason="required"
          act={async (reason) => {
            const body = { objects: still.map(({ kind, path }) => ({ kind, path })), ...(reason && { reason }) };
            await take(api.POST('/deployments/revoke', { params: { query: { controller: d.controller } }, body }));
            for (const of of ['items', 'inventory']) void queries.invalidateQueries({ queryKey: [of] });
          }}
          onClose={() => setAsks(undefined)}
        />
      )}
    </View>
  );
}

function Head({ of: d }: { of: Schemas['Deployment'] }) {
  const { t } = useTranslation();
  return (
    <Facts
      of={[
        [t('audit.time'), <Time key="t" at={d.time} />],
        [t('history.account'), <Name key="a" of={d.account || '–'} />],
        [t('deployments.signers'), <Signers key="s" of={d.signers} />],
        [t('dialog.reason'), d.reason ? <Text key="r">{d.reason}</Text> : '–'],
        [t('deployments.objects'), <Counts key="c" of={d} />],
        [t('deployments.controller'), <Name key="n" of={d.controller} />],
      ]}
    />
  );
}

function Release({ of: r }: { of: Schemas['DeploymentRelease'] }) {
  const { t } = useTranslation();
  return (
    <section aria-labelledby="release" className="stack-small">
      <h2 id="release">{t('deployments.release')}</h2>
      <Facts
        of={[
          [t('deployments.name'), <Name key="n" of={r.name || '–'} />],
          [t('deployments.serial'), String(r.serial)],
          [t('deployments.author'), <Name key="a" of={r.author || '–'} />],
          [
            t('deployments.digest'),
            <span key="d" className="mono">
              {r.digest.replace(/.{8}(?=.)/g, '$& ')}
            </span>,
          ],
        ]}
      />
      {r.evidence !== undefined && <Evidence of={r.evidence} />}
    </section>
  );
}

/** Signatures as they are kept. */
function Evidence({ of }: { of: unknown }) {
  const { t } = useTranslation();
  return (
    <details>
      <summary>{t('deployments.evidence')}</summary>
      <pre className="mono deployment-evidence" tabIndex={0} aria-label={t('deployments.evidence')}>
        <Text lines>{JSON.stringify(of, null, 2)}</Text>
      </pre>
    </details>
  );
}

function ObjectLine({ of: o, open, onOpen }: { of: Obj; open: boolean; onOpen: (open: boolean) => void }) {
  const { t } = useTranslation();
  return (
    <li data-testid="row" data-key={idOf(o)} className="card">
      <div className="row">
        <b>{t(`deployments.change.${o.change}`, o.change)}</b>
        <Link to="/inventory" search={{ kind: o.kind, path: o.path }}>
          <Name of={o.path} />
        </Link>
        <span className="caption">{t(`edit.kinds.${o.kind}`, o.kind)}</span>
        {o.versionId && (
          <span className="second">
            <Text>{o.versionId}</Text>
          </span>
        )}
        <Signers of={o.signers} />
        <span className="second">{t(o.deployed ? 'deployments.stillDeployed' : 'deployments.notDeployed')}</span>
        <button type="button" className="link" aria-expanded={open} onClick={() => onOpen(!open)}>
          {t(open ? 'deployments.hide' : 'deployments.differences')}
        </button>
      </div>
      {open && <Opened of={o} />}
    </li>
  );
}

/** What it changed at an object, and the signature that it came with. */
function Opened({ of: o }: { of: Obj }) {
  const { t } = useTranslation();
  const may = useMay('inventory:view');
  const query = useQuery({
    queryKey: ['inventory', 'deployed texts', o.previous, o.version],
    queryFn: async () => {
      const [before, after] = await Promise.all([textOf(o.previous), textOf(o.version)]);
      if (before === undefined || after === undefined) return undefined;
      return { before: before && withoutHead(before, '{}'), after: after && withoutHead(after, '{}') };
    },
    enabled: may,
    staleTime: Infinity,
  });
  return (
    <div className="stack-small">
      <p className="caption mono">{o.digest && `SHA-256 ${o.digest}`}</p>
      {may ? (
        <Shown query={query} skeleton={<Skeleton rows={2} />}>
          {(texts) =>
            texts === undefined ? (
              <p className="second">{t('deployments.textGone')}</p>
            ) : (
              <>
                {texts.before && texts.after && (
                  <Said before={texts.before} after={texts.after} label={t('edit.changesOf', { name: o.path })} />
                )}
                <Lines before={texts.before} after={texts.after} />
              </>
            )
          }
        </Shown>
      ) : (
        <p className="second">{t('view.denied')}</p>
      )}
      {o.evidence !== undefined && <Evidence of={o.evidence} />}
    </div>
  );
}

/** A version's text; of none it is empty, and undefined if it isn't kept any more. */
async function textOf(id: number | undefined): Promise<string | undefined> {
  if (!id) return '';
  try {
    return (await take(api.GET('/inventory/version', { params: { query: { id } } }))).text ?? '';
  } catch (cause) {
    if (cause instanceof Problem && cause.kind === 'notFound') return undefined;
    throw cause;
  }
}
