import { Button, Modal, Textarea, TextInput } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useState, type FormEvent } from 'react';
import { useTranslation } from 'react-i18next';
import '../../theme/dialogs.css';
import '../../dialogs/dialogs.css';
import { Refused } from '../../editor/Refused';
import '../../editor/editor.css';
import { useControllers } from '../../frame/controllers';
import { useMay } from '../../session/session';
import { Name, Text } from '../../view/Name';
import { importAddress, noMapping, sendArchive, wouldBeRefused, type Imported, type Mapping } from './archive';
import { Choice } from './ExportDialog';

/** Brings an archive: chosen, looked at, then made drafts or deployed. */
export function ImportDialog({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation();
  const queries = useQueryClient();
  const mayDraft = useMay('inventory:manage');
  const mayDeploy = useMay('deployments:manage');
  const controllers = useControllers().data?.controllers ?? [];
  const [file, setFile] = useState<File>();
  const [deploy, setDeploy] = useState(!mayDraft);
  const [controller, setController] = useState<string>();
  const [overwrite, setOverwrite] = useState(false);
  const [mapping, setMapping] = useState<Mapping>(noMapping);
  const [reason, setReason] = useState('');
  const [progress, setProgress] = useState<number>();
  const [looked, setLooked] = useState<Imported>();
  const [done, setDone] = useState<Imported>();
  const [refusal, setRefusal] = useState<unknown>();
  // The same as long as the same is asked for: asking again doesn't deploy twice.
  const [requestId, setRequestId] = useState(() => crypto.randomUUID());
  const at = controller ?? controllers[0]?.id;
  const busy = progress !== undefined;
  // What was looked at is no longer what would be done.
  const change = (f: () => void) => {
    f();
    setRequestId(crypto.randomUUID());
    setLooked(undefined);
    setRefusal(undefined);
  };
  const send = async (preview: boolean) => {
    if (!file || busy) return;
    setRefusal(undefined);
    setProgress(0);
    try {
      const out = await sendArchive(
        file,
        importAddress({
          deploy,
          preview,
          overwrite,
          mapping,
          reason,
          controller: controllers.length > 1 ? at : undefined,
          requestId: preview ? undefined : requestId,
        }),
        setProgress,
      );
      if (preview) setLooked(out);
      else {
        setDone(out);
        for (const of of ['inventory', 'items']) void queries.invalidateQueries({ queryKey: [of] });
      }
    } catch (cause) {
      setRefusal(cause);
    }
    setProgress(undefined);
  };
  const submit = (e: FormEvent) => {
    e.preventDefault();
    void send(looked === undefined);
  };
  const count = looked?.objects.length ?? 0;
  const refused = looked !== undefined && wouldBeRefused(looked, overwrite);
  return (
    <Modal
      opened
      onClose={() => !busy && onClose()}
      title={t('archive.import')}
      size="xl"
      closeOnClickOutside={false}
      closeButtonProps={{ 'aria-label': t('dialog.back') }}
    >
      <form className="stack" onSubmit={submit}>
        {done ? (
          <>
            <p role="status">{t(deploy ? 'archive.deployed' : 'archive.imported', { count: done.objects.length })}</p>
            <Objects of={done} deployed={deploy} />
          </>
        ) : (
          <>
            <label className="archive-file">
              <span>{t('archive.file')}</span>
              <input
                type="file"
                accept=".zip,.tar.gz,.tgz,.gz,application/zip,application/gzip"
                disabled={busy}
                onChange={(e) => {
                  const chosen = e.currentTarget.files?.[0];
                  change(() => setFile(chosen));
                }}
              />
              <span className="caption">{t('archive.fileHint')}</span>
            </label>
            {mayDraft && mayDeploy && (
              <Choice
                legend={t('archive.become')}
                options={[
                  ['drafts', t('archive.become_drafts')],
                  ['deploy', t('archive.become_deploy')],
                ]}
                value={deploy ? 'deploy' : 'drafts'}
                onChange={(v) => change(() => setDeploy(v === 'deploy'))}
              />
            )}
            {!mayDraft && <p className="second">{t('archive.onlyDeploy')}</p>}
            {!mayDeploy && <p className="second">{t('archive.onlyDrafts')}</p>}
            {deploy && controllers.length > 1 && (
              <label className="archive-file">
                <span>{t('deployments.controller')}</span>
                <select value={at} onChange={(e) => change(() => setController(e.target.value))}>
                  {controllers.map((c) => (
                    <option key={c.id}>{c.id}</option>
                  ))}
                </select>
              </label>
            )}
            {!deploy && (
              <label className="check">
                <input
                  type="checkbox"
                  checked={overwrite}
                  onChange={(e) => {
                    const { checked } = e.currentTarget;
                    change(() => setOverwrite(checked));
                  }}
                />
                {t('archive.overwrite')}
              </label>
            )}
            <Names of={mapping} onChange={(m) => change(() => setMapping(m))} deploy={deploy} />
            {looked && <Objects of={looked} />}
            {looked && <Problems of={looked} />}
            {looked && (
              <TextInput
                label={t('dialog.reason')}
                description={deploy ? undefined : t('dialog.optional')}
                required={deploy}
                withAsterisk={false}
                value={reason}
                onChange={(e) => setReason(e.currentTarget.value)}
                maxLength={500}
              />
            )}
          </>
        )}
        {busy && (
          <p role="status" className="row">
            <progress value={progress} aria-label={t('archive.progress')} />
            {t(progress < 1 ? 'archive.sending' : 'archive.reading', { part: Math.round(progress * 100) })}
          </p>
        )}
        {refusal !== undefined && <Refused cause={refusal} />}
        <div className="dialog-foot">
          {refused && !done && <span className="second">{t('archive.wouldBeRefused')}</span>}
          <Button variant="default" onClick={onClose} disabled={busy}>
            {t('dialog.back')}
          </Button>
          {!done && (
            <Button
              type="submit"
              variant={looked ? 'filled' : 'default'}
              loading={busy}
              disabled={!file || refused || !(mayDraft || mayDeploy)}
            >
              {looked ? t(deploy ? 'archive.deployOf' : 'archive.importOf', { count }) : t('archive.look')}
            </Button>
          )}
        </div>
      </form>
    </Modal>
  );
}

/** Other names than those in the archive. */
function Names({ of, onChange, deploy }: { of: Mapping; onChange: (m: Mapping) => void; deploy: boolean }) {
  const { t } = useTranslation();
  const text = (name: keyof Mapping) => ({
    label: t(`archive.map_${name}`),
    value: of[name],
    onChange: (e: { currentTarget: { value: string } }) => onChange({ ...of, [name]: e.currentTarget.value }),
    autoComplete: 'off',
    spellCheck: false,
  });
  return (
    <details className="changes">
      <summary>{t('archive.names')}</summary>
      <div className="stack-small">
        {deploy && <p className="second">{t('archive.namesSigned')}</p>}
        <div className="two-fields">
          <TextInput {...text('folder')} />
          <TextInput {...text('prefix')} />
          <TextInput {...text('suffix')} />
        </div>
        <div className="two-fields">
          <Textarea {...text('folders')} description={t('archive.pairs')} autosize={false} rows={3} />
          <Textarea {...text('agents')} description={t('archive.pairs')} autosize={false} rows={3} />
        </div>
      </div>
    </details>
  );
}

function Objects({ of, deployed }: { of: Imported; deployed?: boolean }) {
  const { t } = useTranslation();
  return (
    <div className="archive-objects" tabIndex={0} role="region" aria-label={t('archive.objects')}>
      <table className="plain-table" aria-label={t('archive.objects')}>
        <thead>
          <tr>
            <th>{t('inventory.name')}</th>
            <th>{t('archive.change')}</th>
            <th className="wide-cell">{t('inventory.kind')}</th>
            <th className="wide-cell">{t('archive.signed')}</th>
            <th className="wide-cell">{t('archive.fileName')}</th>
          </tr>
        </thead>
        <tbody>
          {of.objects.map((o) => (
            <tr key={`${o.kind} ${o.path}`} data-testid="row" data-key={`${o.kind}:${o.path}`}>
              <td>
                {of.preview ? (
                  <Name of={o.path} />
                ) : (
                  <Link to="/inventory" search={{ kind: o.kind, path: o.path }}>
                    <Name of={o.path} />
                  </Link>
                )}
                {o.why && (
                  <span className="caption archive-why">
                    <Text>{o.why}</Text>
                  </span>
                )}
                {o.problems.map((p, i) => (
                  <span key={i} className="caption archive-why">
                    <Text>{[p.pointer, p.message].filter(Boolean).join(': ')}</Text>
                  </span>
                ))}
                {o.adjusted.length > 0 && (
                  <span className="caption archive-why">{t('archive.adjusted', { count: o.adjusted.length })}</span>
                )}
              </td>
              <td data-change={o.change}>{deployed ? t('object.deployed') : t(`archive.is.${o.change}`)}</td>
              <td className="wide-cell second">{t(`edit.kinds.${o.kind}`, o.kind)}</td>
              <td className="wide-cell second">
                {o.release ? (
                  <Text>{t('archive.byRelease', { name: o.release })}</Text>
                ) : (
                  t(o.signed ? 'archive.yes' : 'archive.no')
                )}
              </td>
              <td className="wide-cell second">
                <Name of={o.file} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** What keeps the objects from being imported. */
function Problems({ of }: { of: Imported }) {
  const { t } = useTranslation();
  if (of.problems.length === 0) return null;
  return (
    <section className="refused stack-small" aria-label={t('archive.refused')}>
      <p className="problem-line">{t('archive.refused')}</p>
      <ul className="stack-small">
        {of.problems.map((p, i) => (
          <li key={i}>
            <Text>{[p.where, p.message].filter(Boolean).join(': ')}</Text>
          </li>
        ))}
      </ul>
    </section>
  );
}
