import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Link, useNavigate, useParams } from '@tanstack/react-router';
import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, take, type Schemas } from '../../api/client';
import { grouped } from '../../bytes';
import { Act } from '../../dialogs/Act';
import { Confirm } from '../../dialogs/Confirm';
import { useWhyNot } from '../../dialogs/whyNot';
import { Lines } from '../../editor/Differences';
import { Said } from '../../editor/Said';
import '../../editor/editor.css';
import { checkRelease } from '../../passkey/passkey';
import { Time } from '../../time/Time';
import { Name, Text } from '../../view/Name';
import { Empty, Shown, Skeleton, View } from '../../view/View';
import { keepFile } from '../inventory/archive';
import { Facts } from '../parts/PartPage';
import '../parts/parts.css';
import { SignBox } from './SignBox';
import { useWaiting } from './Waiting';
import { inLines, useReleaseTexts, type ReleaseObject } from './releaseTexts';
import './deployments.css';

type Kept = Schemas['KeptRelease'];

/** Of so many objects the differences are looked for at once, and so many are listed. */
const atOnce = 50;

const idOf = (o: { kind: string; path: string }) => `${o.kind}:${o.path}`;

/** A release that waits for signatures: what it changes, its digest, and who has signed. */
export default function ReleasePage() {
  const { t } = useTranslation();
  const { id } = useParams({ from: '/frame/deployments/releases/$id' });
  const navigate = useNavigate();
  const queries = useQueryClient();
  const not = useWhyNot('deployments:manage');
  const [givesUp, setGivesUp] = useState(false);
  const params = { path: { id: Number(id) || 0 } };
  // The list is live, what was made of a release stays as it is: one that is gone isn't asked for.
  const waiting = useWaiting();
  const listed = waiting.data?.releases.find((r) => r.id === params.path.id);
  const query = useQuery({
    queryKey: ['release', id],
    queryFn: async () => {
      const kept = await take(api.GET('/releases/{id}', { params }));
      // This browser's own arithmetic: what isn't what it says to be is not to be signed.
      const wrong = await checkRelease(kept.release as Schemas['PreparedRelease']).then(
        () => false,
        () => true,
      );
      return { kept, wrong };
    },
    enabled: listed !== undefined,
    staleTime: Infinity,
    gcTime: 0,
    retry: false,
  });
  const gone = waiting.isSuccess && !listed;
  const kept = listed && query.data?.kept;
  const title = t('release.title', { name: kept?.name ?? id });
  return (
    <View
      name="release"
      title={<Text>{title}</Text>}
      tab={title}
      ready={gone || query.isSuccess || query.isError}
      actions={
        kept &&
        !query.data?.wrong && (
          <>
            <Act size="sm" onClick={() => void asArchive(kept.id)}>
              {t('release.archive')}
            </Act>
            <Act size="sm" not={not} onClick={() => setGivesUp(true)}>
              {t('release.giveUp')}
            </Act>
          </>
        )
      }
    >
      <nav aria-label={t('nav.deployments')} className="crumbs">
        <Link to="/deployments">{t('nav.deployments')}</Link>
        {' / '}
        <Link to="/deployments" search={{ show: 'waiting' }}>
          {t('release.waiting')}
        </Link>
      </nav>
      {gone ? (
        <Empty title={t('release.gone')}>{t('release.goneText')}</Empty>
      ) : (
        <Shown query={query} skeleton={<Skeleton rows={6} />}>
          {({ kept, wrong }) => (wrong ? <Wrong /> : <Release kept={{ ...kept, ...listed }} not={not} />)}
        </Shown>
      )}
      {givesUp && kept && (
        <Confirm
          question={t('release.giveUpAsk', { name: kept.name })}
          consequences={[t('release.giveUpWill')]}
          verb={t('release.giveUp')}
          danger
          reason="none"
          act={async () => {
            await take(api.DELETE('/releases/{id}', { params }));
            void queries.invalidateQueries({ queryKey: ['audit'] });
            await navigate({ to: '/deployments', search: { show: 'waiting' } });
          }}
          onClose={() => setGivesUp(false)}
        />
      )}
    </View>
  );
}

/** For who signs elsewhere: with a key that no browser has. */
async function asArchive(id: number): Promise<void> {
  const kept = await take(api.GET('/releases/{id}', { params: { path: { id } } }));
  const { document, objects, evidence } = kept.release as Schemas['PreparedRelease'];
  const body = { document, objects, ...(evidence && { evidence }) };
  keepFile(await take(api.POST('/releases/archive', { body, parseAs: 'blob' })), `${kept.name}.zip`);
}

/** Stops everything. */
function Wrong() {
  const { t } = useTranslation();
  return (
    <section className="release-wrong stack-small" role="alert">
      <h2>{t('release.wrong')}</h2>
      <p>{t('touch.mismatch')}</p>
    </section>
  );
}

function Release({ kept, not }: { kept: Kept; not: string | undefined }) {
  const { t } = useTranslation();
  const release = kept.release as Schemas['PreparedRelease'];
  const [looked, setLooked] = useState<ReadonlySet<string>>(new Set());
  const [most, setMost] = useState(atOnce);
  const deployed = new Map(kept.deployed?.map((o) => [idOf(o), o.version]));
  const look = (o: ReleaseObject) => setLooked((s) => (s.has(idOf(o)) ? s : new Set(s).add(idOf(o))));
  return (
    <div className="stack">
      <section aria-label={t('touch.release')} data-digest={release.sha256} className="stack-small">
        <Facts
          of={[
            [t('deployments.author'), <Name key="a" of={release.author} />],
            [t('dialog.reason'), <Text key="r">{release.reason}</Text>],
            [t('release.for'), <Name key="i" of={release.audience} />],
            [t('deployments.serial'), String(release.serial)],
            [t('touch.until'), <Time key="u" at={release.expires} />],
          ]}
        />
        <p className="release-digest">
          <span className="second">{t('deployments.digest')}</span>
          <code className="digest" data-testid="digest">
            {grouped(release.sha256)}
          </code>
        </p>
        <details className="changes">
          <summary>{t('release.compare')}</summary>
          <p className="second">{t('release.compareHow')}</p>
          <pre
            className="trust-file"
            tabIndex={0}
          >{`unzip ${kept.name}.zip && sha256sum ${kept.name}.release.json`}</pre>
        </details>
      </section>
      <section aria-labelledby="release-objects" className="stack-small">
        <h2 id="release-objects">{t('edit.release')}</h2>
        <ul className="deployment-objects" aria-labelledby="release-objects">
          {release.objects.slice(0, most).map((o) => (
            <ObjectLine
              key={idOf(o)}
              of={o}
              version={deployed.get(idOf(o))}
              few={release.objects.length <= 3}
              onLook={look}
            />
          ))}
        </ul>
        {release.objects.length > most && (
          <button type="button" className="link" onClick={() => setMost(most + atOnce)}>
            {t('inventory.more')}
          </button>
        )}
      </section>
      <section aria-labelledby="signatures" className="stack-small">
        <h2 id="signatures">{t('release.signatures')}</h2>
        {kept.signatures.length === 0 ? (
          <p className="second">{t('release.noSignature')}</p>
        ) : (
          <ul className="stack-small" aria-labelledby="signatures">
            {kept.signatures.map((s, i) => (
              <li key={i} className="row">
                <b>{s.account ? <Name of={s.account} /> : t('release.brought')}</b>
                {s.kind && <span className="caption">{s.kind}</span>}
                <span className="second">
                  <Time at={s.at} />
                </span>
              </li>
            ))}
          </ul>
        )}
      </section>
      <SignBox
        kept={kept}
        not={not}
        looked={t('release.looked', { looked: looked.size, count: release.objects.length })}
      />
    </div>
  );
}

interface LineProps {
  of: ReleaseObject;
  /** The version that is deployed now. */
  version: number | undefined;
  /** There are so few objects that all differences are shown at once. */
  few: boolean;
  onLook: (o: ReleaseObject) => void;
}

function ObjectLine({ of: o, version, few, onLook }: LineProps) {
  const { t } = useTranslation();
  const [chosen, setChosen] = useState<boolean>();
  const { data: texts, isError } = useReleaseTexts(o, version);
  // What runs differently is in sight; the rest is opened by whoever wants to.
  const open = chosen ?? (few || texts?.runs === true);
  const shown = open && texts !== undefined;
  useEffect(() => {
    if (shown) onLook(o);
  });
  return (
    <li data-testid="row" data-key={idOf(o)} className="card">
      <div className="row">
        <b>{texts ? t(`release.change.${texts.change}`) : t(isError ? 'view.error' : 'view.loading')}</b>
        <Link to="/inventory" search={{ kind: o.kind, path: o.path }}>
          <Name of={o.path} />
        </Link>
        <span className="caption">{t(`edit.kinds.${o.kind}`, o.kind)}</span>
        {texts?.runs && <span className="release-runs">{t('edit.said.runs')}</span>}
        <button type="button" className="link" aria-expanded={open} onClick={() => setChosen(!open)}>
          {t(open ? 'deployments.hide' : 'deployments.differences')}
        </button>
      </div>
      {open && isError && <p className="problem-line">{t('deployments.textGone')}</p>}
      {shown && (
        <section className="stack-small" aria-label={t('edit.changesOf', { name: o.path })}>
          {texts.change !== 'new' && (
            <Said before={texts.before} after={texts.after} label={t('edit.changesOf', { name: o.path })} />
          )}
          {texts.change !== 'same' && <Lines before={inLines(texts.before)} after={inLines(texts.after)} />}
        </section>
      )}
    </li>
  );
}
