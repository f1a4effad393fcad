import type { Schemas } from '../api/client';
import { begin, record, redo, undo, type Format, type History, type Intention } from './history';
import { isRead, readDocument, type Document, type Unreadable } from './read';

export type Finding = Schemas['DraftProblem'];
export type { Format };

/** How YAML is read and changed: it comes when there is some. */
export interface YamlBook {
  readYaml: (text: string) => Document | Unreadable;
  editYaml: (text: string, before: string, after: string) => string;
}

/** What the server has: the draft's text, by which revision, and since when. */
export interface Saved {
  text: string;
  format: Format;
  /** The revision that the next change has to name; undefined for what isn't there yet. */
  etag: string | undefined;
  at: number;
  by: string;
}

/** The way to the server, so that a test can stand in its place. */
export interface Door {
  save: (text: string, format: Format, etag: string | undefined) => Promise<Saved & { problems: Finding[] }>;
  check: (text: string, format: Format) => Promise<Finding[]>;
  /** Reads what somebody else has saved. */
  read: () => Promise<Saved>;
  /** Tells whether a refusal says that somebody else was faster. */
  isConflict: (cause: unknown) => boolean;
}

export type Saving =
  | { kind: 'saved' }
  | { kind: 'waiting' }
  | { kind: 'saving' }
  | { kind: 'failed'; cause: unknown }
  | { kind: 'conflict'; theirs: Saved };

/** All that is shown of a draft. It is another object after each change. */
export interface DraftState {
  history: History;
  format: Format;
  saved: Saved;
  saving: Saving;
  problems: readonly Finding[];
  /** The text as it is now, read; else why it can't be. */
  now: Document | Unreadable;
  /** The text as it could last be read. */
  readable: Document | undefined;
}

/** A draft saves itself so long after the last change, and is checked so long after it, in milliseconds. */
const pauses = { save: 1000, check: 300, again: 5000 } as const;

/**
 * DraftSession is one draft while it is open: its text with the history of its
 * changes, what the server has of it, and what the server thinks of it. Graph, form
 * and code show it and change it here.
 */
export class DraftSession {
  private state: DraftState;
  private readonly listeners = new Set<() => void>();
  private saveTimer: ReturnType<typeof setTimeout> | undefined;
  private checkTimer: ReturnType<typeof setTimeout> | undefined;
  private running: Promise<void> | undefined;
  private yaml: YamlBook | undefined;

  constructor(
    saved: Saved,
    problems: readonly Finding[],
    private readonly door: Door,
    private readonly clock: () => number = Date.now,
    private readonly loadYaml: () => Promise<YamlBook> = () => import('./yaml'),
  ) {
    const now = this.read(saved.text, saved.format);
    this.state = {
      history: begin(saved.text, saved.format),
      format: saved.format,
      saved,
      saving: { kind: 'saved' },
      problems,
      now,
      readable: isRead(now) ? now : undefined,
    };
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  readonly get = (): DraftState => this.state;

  get text(): string {
    return this.state.history.now.text;
  }

  /** Makes the text another one, and notes what that was meant to do. */
  edit(text: string, by: Intention): void {
    this.become(record(this.state.history, text, by, this.clock()));
  }

  undo(): void {
    this.become(undo(this.state.history));
  }

  redo(): void {
    this.become(redo(this.state.history));
  }

  /** Makes the document another one, in whatever format its text is. */
  write(document: string, by: Intention): void {
    const { format, now } = this.state;
    const yaml = format === 'yaml' && isRead(now) ? this.yaml : undefined;
    this.edit(yaml && isRead(now) ? yaml.editYaml(this.text, now.text, document) : document, by);
  }

  /** Goes on in another format, with the text that the server has made of it. */
  convert(text: string, format: Format): void {
    const by = { what: 'converted', name: format.toUpperCase() };
    this.become(record(this.state.history, text, by, this.clock(), format));
  }

  /** Saves what isn't saved, now; resolves when that is done, or refused. */
  async save(): Promise<void> {
    clearTimeout(this.saveTimer);
    while (this.running) await this.running;
    if (!this.isDirty() || this.state.saving.kind === 'conflict') return;
    this.running = this.send().finally(() => (this.running = undefined));
    await this.running;
  }

  /** Ends a conflict with the text of the other, or with the own on top of it. */
  settle(mine: boolean): void {
    const { saving } = this.state;
    if (saving.kind !== 'conflict') return;
    const { theirs } = saving;
    this.set({ saved: theirs, saving: { kind: 'saved' } });
    if (mine) this.changed();
    else if (theirs.format === this.state.format) this.edit(theirs.text, { what: 'theirs', name: theirs.by });
    else this.convert(theirs.text, theirs.format);
  }

  /** Reads what the server has now, after something else than saving has changed it. */
  async reload(): Promise<void> {
    const theirs = await this.door.read();
    const dirty = this.isDirty();
    this.set({ saved: theirs });
    if (dirty) return this.changed();
    if (theirs.format !== this.state.format) this.convert(theirs.text, theirs.format);
    else this.edit(theirs.text, { what: 'theirs', name: theirs.by });
  }

  /** Ends the session: what isn't saved is sent. */
  async close(): Promise<void> {
    clearTimeout(this.checkTimer);
    await this.save();
    clearTimeout(this.saveTimer);
  }

  isDirty(): boolean {
    return this.text !== this.state.saved.text || this.state.format !== this.state.saved.format;
  }

  private become(history: History): void {
    if (history === this.state.history) return;
    this.set({ history, format: history.now.format });
    this.changed();
  }

  private changed(): void {
    const now = this.read(this.text, this.state.format);
    this.set({ now, readable: isRead(now) ? now : this.state.readable });
    if (this.state.saving.kind !== 'conflict') {
      this.set({ saving: { kind: this.isDirty() ? 'waiting' : 'saved' } });
      this.saveIn(pauses.save);
    }
    clearTimeout(this.checkTimer);
    this.checkTimer = setTimeout(() => void this.check(), pauses.check);
  }

  private saveIn(ms: number): void {
    clearTimeout(this.saveTimer);
    this.saveTimer = setTimeout(() => void this.save(), ms);
  }

  private async send(): Promise<void> {
    const { text } = this;
    const { format, saved } = this.state;
    this.set({ saving: { kind: 'saving' } });
    try {
      const { problems, ...now } = await this.door.save(text, format, saved.etag);
      this.set({ saved: now, saving: { kind: 'saved' } });
      if (this.isDirty()) this.changed();
      else this.set({ problems });
    } catch (cause) {
      await this.refused(cause);
    }
  }

  private async refused(cause: unknown): Promise<void> {
    if (this.door.isConflict(cause)) {
      try {
        const theirs = await this.door.read();
        // Deployed, or saved as it was: the revision is another, the text isn't.
        if (theirs.text === this.state.saved.text && theirs.format === this.state.saved.format) {
          this.set({ saved: theirs });
          this.changed();
        } else this.set({ saving: { kind: 'conflict', theirs } });
        return;
      } catch (other) {
        cause = other;
      }
    }
    this.set({ saving: { kind: 'failed', cause } });
    this.saveIn(pauses.again);
  }

  private async check(): Promise<void> {
    const { text } = this;
    try {
      const problems = await this.door.check(text, this.state.format);
      if (text === this.text) this.set({ problems });
    } catch {
      // Saving tells the same, and says why it didn't go.
    }
  }

  private read(text: string, format: Format): Document | Unreadable {
    if (format === 'json') return readDocument(text);
    if (this.yaml) return this.yaml.readYaml(text);
    void this.loadYaml().then((book) => {
      this.yaml = book;
      const now = this.read(this.text, this.state.format);
      this.set({ now, readable: isRead(now) ? now : this.state.readable });
    });
    return { line: 1, column: 1, why: 'Yaml' };
  }

  private set(change: Partial<DraftState>): void {
    this.state = { ...this.state, ...change };
    this.listeners.forEach((l) => l());
  }
}
