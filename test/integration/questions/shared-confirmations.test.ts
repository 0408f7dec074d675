import { readdirSync } from 'node:fs';
import { expect, it, vi } from 'vitest';
import { createDatabaseFile } from '../../kit/database-file.js';
import { callText } from '../../kit/mcp-client.js';
import type { InProcessServer } from '../../kit/in-process-server.js';
import { createProject, sqlTool, type TemporaryProject } from '../../kit/projects/temporary-project.js';
import { answerTo, askedBy, callRaw, connectPerson, type Done, restart, startServer } from './question-client.js';

const REMOVE = sqlTool('remove', 'DELETE FROM orders WHERE id = $id RETURNING id', [
  'parameters: [{ name: id, type: integer }]',
  'confirm: "Delete order {{ id }}?"',
  'return: { type: array }',
]);
const CALL = { tool: 'remove', parameters: { id: 3 } };

/** Decides when the test says so. */
class WaitingPerson {
  decide: (done: Done) => void = () => undefined;
  readonly #decides = new Promise<Done>((resolve) => (this.decide = resolve));
  #noteAsked: () => void = () => undefined;
  readonly isAsked = new Promise<void>((resolve) => (this.#noteAsked = resolve));

  get decides(): Promise<Done> {
    this.#noteAsked();
    return this.#decides;
  }
}

const key = (letter: string): string => letter.repeat(40);

function config(keys: readonly string[], folder = 'used', extra: object = {}): string {
  const profile = { confirmations: { keys, folder }, ...extra };
  return JSON.stringify({ mxcp: 1, projects: { shop: { profiles: { dev: profile } } } });
}

const errorCode = ({ error }: Awaited<ReturnType<typeof callRaw>>): unknown =>
  JSON.parse(JSON.stringify(error?.data ?? null))?.code;

async function restarted(project: TemporaryProject, running: InProcessServer): Promise<InProcessServer> {
  await running.server.close();
  return restart(project);
}

it('a configured key lets a question outlive a restart, and its answer is used once even then', async () => {
  const { project, running } = await startServer({ 'tools/remove.yml': REMOVE, 'config.yml': config([key('a')]) });
  const [first, second] = [await askedBy(running.url, CALL), await askedBy(running.url, CALL)];
  const next = await restarted(project, running);
  expect((await callRaw(next.url, { ...CALL, reply: answerTo(first) })).error).toBeUndefined();
  const last = await restarted(project, next);
  expect(errorCode(await callRaw(last.url, { ...CALL, reply: answerTo(first) }))).toBe('confirmation_used');
  expect((await callRaw(last.url, { ...CALL, reply: answerTo(second) })).error).toBeUndefined();
  expect(readdirSync(project.path('used'))).toHaveLength(2);
});

it('without a configured key, a restart makes every question invalid', async () => {
  const { project, running } = await startServer({ 'tools/remove.yml': REMOVE });
  const question = await askedBy(running.url, CALL);
  const next = await restarted(project, running);
  expect(errorCode(await callRaw(next.url, { ...CALL, reply: answerTo(question) }))).toBe('confirmation_invalid');
});

it('a second replica takes the answer to a question of the first one, and one of both runs the call', async () => {
  const shared = createProject().path('used');
  const files = { 'tools/remove.yml': REMOVE, 'config.yml': config([key('a')], shared) };
  const [one, other] = [await startServer(files), await startServer(files)];
  const urls = [one.running.url, other.running.url];
  for (let round = 0; round < 5; round += 1) {
    const reply = answerTo(await askedBy(one.running.url, CALL));
    const bodies = await Promise.all(
      Array.from({ length: 20 }, (_, index) => callRaw(urls[index % 2] ?? '', { ...CALL, reply })),
    );
    expect(bodies.filter(({ error }) => error === undefined)).toHaveLength(1);
    expect(bodies.map(errorCode).filter((code) => code === 'confirmation_used')).toHaveLength(19);
  }
  // During a rolling change of definitions, replicas differ for a while.
  other.project.write(
    'tools/remove.yml',
    REMOVE.map((line) => line.replace('id = $id', 'id >= $id')),
  );
  await other.running.admin.reload({ waitMs: 20_000, definitions: true });
  const reply = answerTo(await askedBy(one.running.url, CALL));
  expect(errorCode(await callRaw(other.running.url, { ...CALL, reply }))).toBe('confirmation_outdated');
  expect((await callRaw(one.running.url, { ...CALL, reply })).error).toBeUndefined();
});

it('replicas that rotate their key one after the other take the answers of each other, as long as both have both keys', async () => {
  const shared = createProject().path('used');
  const files = (keys: readonly string[]) => ({ 'tools/remove.yml': REMOVE, 'config.yml': config(keys, shared) });
  const { url: older } = (await startServer(files([key('a'), key('b')]))).running;
  const { url: newer } = (await startServer(files([key('b'), key('a')]))).running;
  const [byOlder, byNewer] = [await askedBy(older, CALL), await askedBy(newer, CALL)];
  expect((await callRaw(newer, { ...CALL, reply: answerTo(byOlder) })).error).toBeUndefined();
  expect((await callRaw(older, { ...CALL, reply: answerTo(byNewer) })).error).toBeUndefined();
  expect(errorCode(await callRaw(older, { ...CALL, reply: answerTo(byOlder) }))).toBe('confirmation_used');
});

it('a reload rotates keys: the first one seals, the others still open, and one that is gone opens nothing', async () => {
  const { project, running } = await startServer({ 'tools/remove.yml': REMOVE, 'config.yml': config([key('a')]) });
  const reload = async (keys: readonly string[]): Promise<void> => {
    project.write('config.yml', config(keys));
    await running.admin.reload({ waitMs: 20_000 });
    expect((await running.admin.config()).restart_required).toEqual([]);
  };
  const [older, oldest] = [await askedBy(running.url, CALL), await askedBy(running.url, CALL)];
  await reload([key('b'), key('a')]);
  const newer = await askedBy(running.url, CALL);
  expect((await callRaw(running.url, { ...CALL, reply: answerTo(older) })).error).toBeUndefined();
  await reload([key('b')]);
  expect(errorCode(await callRaw(running.url, { ...CALL, reply: answerTo(oldest) }))).toBe('confirmation_invalid');
  expect((await callRaw(running.url, { ...CALL, reply: answerTo(newer) })).error).toBeUndefined();
  const shown = JSON.stringify(await running.admin.config()) + running.logLines.join('');
  expect(shown).not.toContain(key('a'));
  expect(shown).not.toContain(key('b'));
});

it('an answer that cannot be recorded runs nothing, and a server whose folder cannot be used does not start', async () => {
  const { project, running } = await startServer({ 'tools/remove.yml': REMOVE, 'config.yml': config([key('a')]) });
  const question = await askedBy(running.url, CALL);
  project.remove('used');
  const refused = await callRaw(running.url, { ...CALL, reply: answerTo(question) });
  expect(JSON.stringify(refused)).toContain('the confirmation cannot be recorded, so the call was not made');
  expect(running.logLines.join('')).toContain('code=confirmation_store_failed');
  await running.server.close();
  project.write('used', 'a file');
  await expect(restart(project)).rejects.toMatchObject({ code: 'confirmation_store_failed' });
});

it('an answer of one user is worth nothing to another one', async () => {
  const tokens = ['ada', 'bob'].map((username) => ({ username, token: `${username}-0123456789abcdef` }));
  const auth = { provider: 'static', static: { tokens } };
  const { running } = await startServer({
    'tools/remove.yml': REMOVE,
    'config.yml': config([key('a')], 'used', { auth }),
  });
  const as = (username: string) => ({ ...CALL, headers: { authorization: `Bearer ${username}-0123456789abcdef` } });
  const reply = answerTo(await askedBy(running.url, as('ada')));
  expect(errorCode(await callRaw(running.url, { ...as('bob'), reply }))).toBe('confirmation_invalid');
  expect((await callRaw(running.url, { ...as('ada'), reply })).error).toBeUndefined();
});

it('a question expires, for a client that is asked during its call as well', async () => {
  const { running } = await startServer({ 'tools/remove.yml': REMOVE }, { flags: { answerTimeout: '50ms' } });
  const question = await askedBy(running.url, CALL);
  // A reply without an answer uses nothing up.
  const empty = { ...CALL, reply: { ...answerTo(question), inputResponses: {} } };
  await vi.waitFor(async () => expect(errorCode(await callRaw(running.url, empty))).toBe('confirmation_expired'));
  const client = await connectPerson(running.url, 'session', () => new Promise(() => {}));
  await expect(callText(client, 'remove', { id: 3 })).rejects.toThrow('the question was not answered within 0.05 s');
});

it('a call that waits for a person holds nothing: a handover completes, and the call then runs on the new database', async () => {
  const { project, running } = await startServer({ 'tools/remove.yml': REMOVE });
  const person = new WaitingPerson();
  const client = await connectPerson(running.url, 'session', () => person.decides);
  const call = callText(client, 'remove', { id: 30 });
  await person.isAsked;
  expect((await running.admin.status()).reload.active_requests).toBe(0);
  await createDatabaseFile(project.path('data/next'), 'CREATE TABLE orders AS SELECT range AS id FROM range(40)');
  project.rename('data/next', 'data/db-dev.duckdb');
  const reload = await running.admin.reload({ waitMs: 20_000 });
  expect(reload).toMatchObject({ status: 'success', database: { action: 'handover' } });
  person.decide({ action: 'accept' });
  expect(await call).toBe('{"id":30}');
});

it('a client that leaves while a person thinks ends the call', async () => {
  const { running } = await startServer({ 'tools/remove.yml': REMOVE });
  const person = new WaitingPerson();
  const client = await connectPerson(running.url, 'session', () => person.decides);
  const leaving = new AbortController();
  const call = client.callTool({ name: 'remove', arguments: { id: 3 } }, { signal: leaving.signal });
  await person.isAsked;
  leaving.abort();
  await expect(call).rejects.toThrow();
  await vi.waitFor(() =>
    expect(running.logLines.join('')).toMatch(
      /tool "remove" failed: the client did not answer the question: it has left .*code=confirmation_cancelled/,
    ),
  );
});
