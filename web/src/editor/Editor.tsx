import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import type { JSONPath } from 'jsonc-parser';
import {
  lazy,
  Suspense,
  useCallback,
  useEffect,
  useMemo,
  useState,
  useSyncExternalStore,
  type ClipboardEvent,
  type KeyboardEvent,
  type ReactNode,
} from 'react';
import { useTranslation } from 'react-i18next';
import { api, take, type Schemas } from '../api/client';
import { readTree } from '../graph/tree';
import { stepName } from '../graph/words';
import { changed } from '../search';
import { BenchContext, stepAt, type Bench } from './bench';
import { clipped, pasted, placeBehind, readClip } from './clip';
import * as edits from './document';
import { doorOf, leave, type Opened } from './door';
import { DeployDialog } from './DeployDialog';
import { Differences } from './Differences';
import { DraftLine, Notes } from './DraftLine';
import { keepFocus } from './focus';
import { FormatChoice } from './FormatChoice';
import { FormPane } from './FormPane';
import { GraphPane } from './GraphPane';
import type { Place } from './choices';
import { InsertDialog } from './InsertDialog';
import { Panes as PaneRow } from './Panes';
import { Problems } from './Problems';
import { isRead, namesAt, nodeAt, pathOf, pointerOf, type Document } from './read';
import { DraftSession } from './session';
import { again, CannotEdit, set } from './splice';
import { StepMenu } from './StepMenu';
import { UsedBy, Versions } from './Tabs';
import './editor.css';

const CodePane = lazy(() => import('./CodePane'));

const views = ['graph', 'form', 'code'] as const;
type ViewName = (typeof views)[number];
const tabs = ['edit', 'diff', 'versions', 'usedby'] as const;

interface Props {
  kind: string;
  path: string;
  opened: Opened;
  may: boolean;
  /** What can be done with the object besides. */
  actions: ReactNode;
  onState: (state: string) => void;
}

/** A draft in its editor: graph, form and code of one text, and what the server says of it. */
export function Editor({ kind, path, opened, may, actions, onState }: Props) {
  const { t } = useTranslation();
  const queries = useQueryClient();
  const [session] = useState(() => {
    const onSaved = (state: string) => {
      onState(state);
      void queries.invalidateQueries({ queryKey: ['inventory', 'objects'] });
      void queries.invalidateQueries({ queryKey: ['inventory', 'folders'] });
    };
    return new DraftSession(opened.saved, opened.problems, doorOf(kind, path, onSaved));
  });
  useEffect(() => {
    const warn = (e: BeforeUnloadEvent) => session.isDirty() && e.preventDefault();
    window.addEventListener('beforeunload', warn);
    return () => {
      window.removeEventListener('beforeunload', warn);
      leave(kind, path, session.close());
    };
  }, [session, kind, path]);
  const state = useSyncExternalStore(session.subscribe, session.get);
  const { tab = 'edit' } = useSearch({ from: '/frame/inventory' });
  const navigate = useNavigate({ from: '/inventory' });
  const [deploys, setDeploys] = useState(false);
  const count = state.problems.length;
  return (
    <>
      <div className="spread">
        <div className="tabs" role="tablist" aria-label={t('edit.tabs')}>
          {tabs.map((x) => (
            <button
              key={x}
              type="button"
              role="tab"
              id={`tab-${x}`}
              aria-selected={tab === x}
              aria-controls="tab-panel"
              onClick={() => void navigate({ search: (s) => changed(s, { tab: x === 'edit' ? undefined : x }) })}
            >
              {t(`edit.tab.${x}`)}
            </button>
          ))}
        </div>
        <DraftLine session={session} state={state} may={may} actions={actions} onDeploy={() => setDeploys(true)} />
      </div>
      <Notes session={session} state={state} />
      <div className="tab-panel editor-panel" role="tabpanel" id="tab-panel" aria-labelledby={`tab-${tab}`}>
        {tab === 'edit' && <Panes kind={kind} path={path} session={session} may={may} />}
        {tab === 'diff' && (
          <Differences kind={kind} path={path} text={session.text} format={state.format} deployed={opened.deployed} />
        )}
        {tab === 'versions' && <Versions kind={kind} path={path} session={session} may={may} />}
        {tab === 'usedby' && <UsedBy kind={kind} path={path} />}
      </div>
      {deploys && (
        <DeployDialog
          objects={[{ kind, path }]}
          before={() => session.save()}
          blocked={count > 0 ? t('edit.problems', { count }) : undefined}
          onDone={async () => {
            await session.reload();
            onState('deployed');
          }}
          onClose={() => setDeploys(false)}
        />
      )}
    </>
  );
}

/** The panes of a draft, in the mix that the address says. */
function Panes({ kind, path, session, may }: { kind: string; path: string; session: DraftSession; may: boolean }) {
  const { t } = useTranslation();
  const state = useSyncExternalStore(session.subscribe, session.get);
  const { at, view } = useSearch({ from: '/frame/inventory' });
  const navigate = useNavigate({ from: '/inventory' });
  const [insertAt, setInsertAt] = useState<Place>();
  const [folding, setFolding] = useState<{ open: string | undefined; fold: string | undefined }>({
    open: undefined,
    fold: undefined,
  });
  const [refusal, setRefusal] = useState<string>();
  const [show, setShow] = useState<{ line: number; nr: number }>();
  const agents = useQuery({ queryKey: ['agents', 'list'], queryFn: () => take(api.GET('/agents', {})) });
  const { readable } = state;
  const reading = useMemo(() => (readable ? withTree(readable, kind) : undefined), [readable, kind]);
  const name = path.split('/').at(-1) ?? path;
  const frozen = !may || !isRead(state.now);

  const choose = useCallback(
    (to: JSONPath | undefined) => {
      const pointer = to && to.length > 0 ? pointerOf(to) : undefined;
      void navigate({ search: (s) => changed(s, { at: pointer }), replace: true });
    },
    [navigate],
  );
  const act = useCallback<Bench['act']>(
    (by, edit) => {
      const { now } = session.get();
      if (!may || !isRead(now)) return;
      setRefusal(undefined);
      try {
        const made = edit(now);
        if (!made) return;
        session.write(made.text, by);
        if (made.at) choose(made.at);
        keepFocus();
      } catch (cause) {
        if (!(cause instanceof CannotEdit)) throw cause;
        setRefusal(cause.message);
      }
    },
    [session, may, choose],
  );
  const step = reading && at !== undefined ? stepAt(reading.tree, pathOf(reading.doc, at)) : undefined;
  const names = useMemo(() => agents.data?.agents.map((a) => a.name) ?? [], [agents.data]);
  const resources = useQuery({
    queryKey: ['inventory', 'objects', 'resources'],
    queryFn: () =>
      take(api.GET('/inventory', { params: { query: { recursive: true, kind: 'JobResource', limit: 500 } } })),
    select: pathsOf,
  });
  const words = useMemo(() => wordsOf(reading, resources.data ?? []), [reading, resources.data]);
  const bench: Bench | undefined = reading && {
    ...reading,
    words,
    session,
    step,
    frozen,
    problems: state.problems,
    agents: names,
    act,
    choose,
  };
  const possible = kind === 'Workflow' ? views : (['form', 'code'] as const);
  const wanted = possible.filter((v) => (view?.split(',') ?? ['graph', 'form']).includes(v));
  const shown: readonly ViewName[] = bench ? (wanted.length > 0 ? wanted : possible.slice(0, 1)) : ['code'];
  const turn = (v: ViewName) => {
    const next = possible.filter((x) => (x === v ? !shown.includes(x) : shown.includes(x)));
    void navigate({ search: (s) => changed(s, { view: next.join(',') || possible[0] }), replace: true });
  };
  const goTo = (pointer: string | undefined, line: number | undefined) => {
    if (reading && pointer !== undefined) choose(pathOf(reading.doc, pointer));
    if (line !== undefined) setShow({ line, nr: Date.now() });
  };
  const press = (e: KeyboardEvent) => {
    if (!(e.target instanceof HTMLElement) || e.target.closest('[role=dialog]')) return;
    const ctrl = e.ctrlKey || e.metaKey;
    const key = e.key.toLowerCase();
    if (ctrl && (key === 'y' || (key === 'z' && e.shiftKey))) session.redo();
    else if (ctrl && key === 'z') session.undo();
    else if (ctrl && key === 's') void session.save();
    else if (e.target.closest('input, textarea, select, .cm-editor') || !bench || !reading || frozen) return;
    else if (!step) {
      if (kind !== 'Workflow' || e.key !== 'a' || ctrl || e.altKey) return;
      setInsertAt({ sequence: ['instructions'], index: 0, title: t('edit.insert.first') });
    } else {
      const s = stepName(step, t);
      const { sequence, index } = edits.placeOfStep(step.path);
      if (e.altKey && e.key === 'ArrowUp') act({ what: 'moved', name: s }, (d) => edits.shift(d, step.path, -1));
      else if (e.altKey && e.key === 'ArrowDown') act({ what: 'moved', name: s }, (d) => edits.shift(d, step.path, 1));
      else if (ctrl && e.key === 'd') act({ what: 'duplicated', name: s }, (d) => edits.duplicate(d, step.path));
      else if (ctrl || e.altKey) return;
      else if (e.key === 'a') setInsertAt({ sequence, index: index + 1, title: t('edit.insert.after', { name: s }) });
      else if (e.key === 'A') setInsertAt({ sequence, index, title: t('edit.insert.before', { name: s }) });
      else if (e.key === 'w') act({ what: 'wrapped', name: s }, (d) => edits.wrap(d, step.path, 'Try'));
      else if (e.key === 'Delete') act({ what: 'removed', name: s }, (d) => edits.remove(d, step.path));
      else return;
    }
    e.preventDefault();
    e.stopPropagation();
  };
  // Steps go over the clipboard as text, so they come into other workflows as well.
  const inText = (e: ClipboardEvent) =>
    e.target instanceof Element && e.target.closest('input, textarea, select, .cm-editor, [role=dialog]');
  const copy = (e: ClipboardEvent) => {
    if (!reading || !step || inText(e) || getSelection()?.type === 'Range') return;
    e.clipboardData.setData('text/plain', clipped(reading.doc, step.path));
    e.preventDefault();
    if (e.type === 'cut') act({ what: 'removed', name: stepName(step, t) }, (d) => edits.remove(d, step.path));
  };
  const paste = (e: ClipboardEvent) => {
    const clip = kind === 'Workflow' && reading && !inText(e) && readClip(e.clipboardData.getData('text/plain'));
    if (!clip) return;
    e.preventDefault();
    act({ what: 'pasted' }, (d) => {
      const { sequence, index } = placeBehind(d, step?.path);
      return pasted(d, clip, sequence, index);
    });
  };
  const ofBench = (content: ReactNode) => bench && <BenchContext value={bench}>{content}</BenchContext>;
  const contents: Record<ViewName, ReactNode> = {
    graph: ofBench(<GraphPane path={path} onInsert={setInsertAt} folding={folding} onFolding={setFolding} />),
    form: ofBench(<FormPane kind={kind} name={name} />),
    code: (
      <Suspense fallback={<div className="pane pane-code" />}>
        <CodePane
          name={name}
          session={session}
          text={state.history.now.text}
          format={state.format}
          problems={state.problems}
          readOnly={!may}
          show={show}
          onPlace={(p) => {
            const there = reading && stepAt(reading.tree, p);
            if (there?.key !== step?.key) choose(there?.path);
          }}
        />
      </Suspense>
    ),
  };
  return (
    <div className="editor" onKeyDown={press} onCopy={copy} onCut={copy} onPaste={paste}>
      <div className="editor-tools">
        {bench && kind === 'Workflow' && (
          <BenchContext value={bench}>
            <StepMenu onInsert={setInsertAt} />
          </BenchContext>
        )}
        {bench && (
          <div className="row" role="group" aria-label={t('edit.views')}>
            {shown.includes('code') && (
              <FormatChoice session={session} state={state} may={may} onRefused={setRefusal} />
            )}
            {possible.map((v) => (
              <label key={v} className="check">
                <input type="checkbox" checked={shown.includes(v)} onChange={() => turn(v)} />
                {t(`edit.view.${v}`)}
              </label>
            ))}
          </div>
        )}
      </div>
      {refusal !== undefined && (
        <p role="alert" className="problem-line">
          {t('edit.cannot', { why: refusal })}
        </p>
      )}
      <PaneRow panes={shown.map((v) => ({ name: v, content: contents[v] }))} />
      {bench && insertAt && (
        <BenchContext value={bench}>
          <InsertDialog place={insertAt} onClose={() => setInsertAt(undefined)} />
        </BenchContext>
      )}
      <Problems problems={state.problems} onGo={goTo} />
    </div>
  );
}

const noSteps = readTree('{"instructions": []}');

/** The document with its steps; one that has no list of steps gets an empty one, for the picture alone. */
function withTree(read: Document, kind: string): { doc: Document; tree: ReturnType<typeof readTree> } | undefined {
  if (kind !== 'Workflow') return { doc: read, tree: noSteps };
  try {
    const doc = nodeAt(read, ['instructions']) ? read : again(set(read, ['instructions'], []));
    return { doc: read, tree: readTree(doc.text, doc.root) };
  } catch {
    return undefined;
  }
}

const pathsOf = ({ objects }: Schemas['InventoryObjects']) => objects.map((o) => o.path);

/** What the expressions of a document can name. */
function wordsOf(reading: ReturnType<typeof withTree>, resources: readonly string[]): Bench['words'] {
  if (!reading) return { parameters: [], labels: [], jobs: [], resources };
  const { doc, tree } = reading;
  return {
    parameters: namesAt(doc, ['orderPreparation', 'parameters']),
    labels: [...tree.steps.values()].map((s) => s.label).filter(Boolean),
    jobs: namesAt(doc, ['jobs']),
    resources,
  };
}
