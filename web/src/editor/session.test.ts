import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { DraftSession, type Door, type Finding, type Saved } from './session';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const first: Saved = { text: '{}', format: 'json', etag: '"1"', at: 1, by: 'ada' };
const bad: Finding = { message: 'wrong', line: 1 };

function start() {
  const save = vi.fn<Door['save']>((text, format, etag) =>
    Promise.resolve({ text, format, etag: `${etag}+`, at: 2, by: 'me', problems: [] }),
  );
  const check = vi.fn<Door['check']>(() => Promise.resolve([bad]));
  const read = vi.fn<Door['read']>(() => Promise.resolve({ ...first, text: '{"theirs":1}', etag: '"9"', by: 'bob' }));
  const session = new DraftSession(first, [], { save, check, read, isConflict: (c) => c === 'conflict' }, () => 0);
  return { session, save, check, read };
}

it('checks and saves itself a while after the last change', async () => {
  const { session, save, check } = start();
  session.edit('{"a":1}', { what: 'typed' });
  await vi.advanceTimersByTimeAsync(299);
  expect(check).not.toHaveBeenCalled();
  await vi.advanceTimersByTimeAsync(1);
  expect(session.get().problems).toEqual([bad]);
  expect(session.get().saving.kind).toBe('waiting');
  session.edit('{"a":2}', { what: 'typed' });
  await vi.advanceTimersByTimeAsync(999);
  expect(save).not.toHaveBeenCalled();
  await vi.advanceTimersByTimeAsync(1);
  expect(save).toHaveBeenCalledExactlyOnceWith('{"a":2}', 'json', '"1"');
  expect(session.get().saving.kind).toBe('saved');
  session.edit('{"a":3}', { what: 'typed' });
  await session.close();
  expect(save).toHaveBeenLastCalledWith('{"a":3}', 'json', '"1"+');
});

it('keeps what can be read for graph and form', () => {
  const { session } = start();
  session.edit('{"a":', { what: 'typed' });
  expect(session.get().now).toMatchObject({ line: 1 });
  expect(session.get().readable?.text).toBe('{}');
  session.undo();
  expect(session.text).toBe('{}');
  session.redo();
  expect(session.text).toBe('{"a":');
});

it('asks whose text goes on when somebody else was faster', async () => {
  const { session, save } = start();
  save.mockRejectedValueOnce('conflict');
  session.edit('{"mine":1}', { what: 'typed' });
  await vi.advanceTimersByTimeAsync(1000);
  expect(session.get().saving).toMatchObject({ kind: 'conflict', theirs: { by: 'bob' } });
  session.edit('{"mine":2}', { what: 'typed' });
  await vi.advanceTimersByTimeAsync(10_000);
  expect(save).toHaveBeenCalledOnce();
  session.settle(true);
  await vi.advanceTimersByTimeAsync(1000);
  expect(save).toHaveBeenLastCalledWith('{"mine":2}', 'json', '"9"');
});

it('takes the text of the other, and back', async () => {
  const { session, save } = start();
  save.mockRejectedValueOnce('conflict');
  session.edit('{"mine":1}', { what: 'typed' });
  await vi.advanceTimersByTimeAsync(1000);
  session.settle(false);
  expect(session.text).toBe('{"theirs":1}');
  await vi.advanceTimersByTimeAsync(2000);
  expect(save).toHaveBeenCalledOnce(); // nothing to save
  session.undo();
  expect(session.text).toBe('{"mine":1}');
});

it('tries again when the Cockpit could not be reached', async () => {
  const { session, save } = start();
  save.mockRejectedValueOnce('away');
  session.edit('{"a":1}', { what: 'typed' });
  await vi.advanceTimersByTimeAsync(1000);
  expect(session.get().saving).toEqual({ kind: 'failed', cause: 'away' });
  await vi.advanceTimersByTimeAsync(5000);
  expect(session.get().saving.kind).toBe('saved');
});

it('goes on in YAML, and changes it by its document', async () => {
  const { session, save } = start();
  session.convert('a: 1 # one\n', 'yaml');
  // Until YAML can be read, what could be read stays.
  expect(session.get().readable?.text).toBe('{}');
  expect(session.isDirty()).toBe(true);
  await vi.waitFor(() => expect(session.get().readable?.text).toBe('{\n  "a": 1\n}\n'));
  session.write('{"a":2}', { what: 'set' });
  expect(session.text).toBe('a: 2 # one\n');
  session.edit('a: &x 2\n', { what: 'typed' });
  expect(session.get().now).toMatchObject({ why: 'YamlMore' });
  session.undo();
  session.undo();
  session.undo();
  expect([session.text, session.get().format]).toEqual(['{}', 'json']);
  session.redo();
  await session.save();
  expect(save).toHaveBeenLastCalledWith('a: 1 # one\n', 'yaml', '"1"');
});

it('takes a new revision of the same text for no conflict', async () => {
  const { session, save, read } = start();
  save.mockRejectedValueOnce('conflict');
  read.mockResolvedValueOnce({ ...first, etag: '"2"' });
  session.edit('{"mine":1}', { what: 'typed' });
  await vi.advanceTimersByTimeAsync(2000);
  expect(save).toHaveBeenLastCalledWith('{"mine":1}', 'json', '"2"');
  expect(session.get().saving.kind).toBe('saved');
});

it('reads again what a deployment has made of the draft', async () => {
  const { session, read } = start();
  read.mockResolvedValueOnce({ ...first, etag: '"2"' });
  await session.reload();
  expect(session.get().saved.etag).toBe('"2"');
  expect(session.isDirty()).toBe(false);
});
