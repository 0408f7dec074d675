import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { run } from '../../../src/cli/commands/admin/events.js';
import { startAdminServer } from '../../../src/admin/index.js';
import { createSilentLogger, Scrubber } from '../../../src/logging/index.js';
import { EventJournal } from '../../../src/telemetry/index.js';
import { createPorts, OWNER_TOKEN, startTestServer } from './admin-fixture.js';
import { Printed } from './printed.js';

const AT = new Date('2026-01-02T03:04:05.678Z');
const TIME = '2026-01-02T03:04:05.678Z';

function addAll(journal: EventJournal): void {
  const id = 'a1';
  journal.add('reload.queued', { at: AT, id, requestId: 'b2', trigger: 'api', dryRun: true, definitions: false });
  journal.add('reload.stage', { at: AT, id, stage: 'load', status: 'running', durationMs: null });
  journal.add('reload.stage', { at: AT, id, stage: 'load', status: 'success', durationMs: 12 });
  const ended = { at: AT, id, trigger: 'api', dryRun: false, durationMs: 1200 } as const;
  journal.add('reload.ended', { ...ended, status: 'success', generation: { from: 1, to: 2 }, error: null });
  const error = {
    code: 'config_invalid',
    message: 'no\nkey',
    stage: 'load',
    file: null,
    line: null,
    column: null,
  } as const;
  journal.add('reload.ended', { ...ended, status: 'error', generation: { from: 1, to: null }, error });
  const failed = {
    at: AT,
    code: 'query_failed',
    message: 'no\u001b[31mtable',
    durationMs: 4,
    request: null,
    client: null,
    user: null,
  };
  journal.add('call.error', { ...failed, type: 'tool', name: 'sales', leftOut: 0 });
  journal.add('call.error', { ...failed, type: 'resource', name: null, leftOut: 3 });
  journal.add('readiness', { at: AT, ready: false, checks: [{ name: 'database', status: 'fail', message: 'gone' }] });
  journal.add('readiness', { at: AT, ready: true, checks: [] });
  journal.add('phase', { at: AT, phase: 'starting', activity: 'opening the database' });
  journal.add('phase', { at: AT, phase: 'closing', activity: '' });
  journal.add('rotation', { at: AT, draining: true, drainingSince: AT });
  journal.add('rotation', { at: AT, draining: false, drainingSince: null });
  journal.add('log', { at: AT, level: 'warn', component: 'x', message: 'm', fields: { n: 1, t: 'a b' } });
}

async function startServer(journal: EventJournal) {
  const server = await startTestServer({ ports: createPorts({ events: journal }) });
  onTestFinished(() => server.close());
  return server;
}

describe('mxcp admin events', () => {
  it('prints a line for each event', async () => {
    const journal = new EventJournal((text) => text);
    const server = await startServer(journal);
    const printed = new Printed();
    const ended = run([], { socket: server.socketPath, count: '14' }, printed.context(server.folder));
    await vi.waitFor(() => expect(journal.readers).toBe(1));
    addAll(journal);
    expect(await ended).toBe(0);
    expect(printed.lines).toEqual([
      `${TIME} reload.queued b2 api (dry run)`,
      `${TIME} reload.stage  a1 load running`,
      `${TIME} reload.stage  a1 load success 12 ms`,
      `${TIME} reload.ended  a1 success in 1.2 s: generation 1 -> 2`,
      `${TIME} reload.ended  a1 failed at load (config_invalid): no key`,
      String.raw`${TIME} call.error    tool sales query_failed after 4 ms: no\u001b[31mtable`,
      String.raw`${TIME} call.error    resource (unknown) query_failed after 4 ms: no\u001b[31mtable (after 3 that are left out)`,
      `${TIME} readiness     not ready: database: gone`,
      `${TIME} readiness     ready`,
      `${TIME} phase         starting: opening the database`,
      `${TIME} phase         closing`,
      `${TIME} rotation      out of rotation`,
      `${TIME} rotation      in rotation again`,
      `${TIME} log           WARN x: m n=1 t="a b"`,
    ]);
  });

  it('prints one object a line with --json, of the types that were asked for, since an id', async () => {
    const journal = new EventJournal((text) => text);
    const server = await startServer(journal);
    addAll(journal);
    const id = await server.client.events().next();
    addAll(journal);
    const printed = new Printed();
    const options = {
      socket: server.socketPath,
      json: true,
      types: 'phase,rotation',
      sinceId: id.value?.id,
      count: '3',
    };
    expect(await run([], options, printed.context(server.folder))).toBe(0);
    expect(printed.lines.map((line): unknown => JSON.parse(line))).toEqual([
      {
        id: expect.any(String),
        event: 'phase',
        data: { at: TIME, phase: 'starting', activity: 'opening the database' },
      },
      { id: expect.any(String), event: 'phase', data: { at: TIME, phase: 'closing', activity: '' } },
      { id: expect.any(String), event: 'rotation', data: { at: TIME, draining: true, draining_since: TIME } },
    ]);
  });

  it('connects again when the server was restarted, and says that events may be missing', async () => {
    const first = new EventJournal((text) => text);
    const server = await startServer(first);
    const printed = new Printed();
    const ended = run([], { socket: server.socketPath, count: '1' }, printed.context(server.folder));
    await vi.waitFor(() => expect(first.readers).toBe(1));
    await server.server.close();
    const journal = new EventJournal((text) => text);
    const second = await startAdminServer({
      socket: { path: server.socketPath, mode: 0o600 },
      ports: createPorts({ events: journal }),
      logger: createSilentLogger(),
      scrubber: new Scrubber(),
      debug: false,
      ownerToken: OWNER_TOKEN,
      environment: {},
    });
    await vi.waitFor(() => expect(journal.readers).toBe(1), { timeout: 10_000 });
    journal.add('phase', { at: AT, phase: 'serving', activity: '' });
    expect(await ended).toBe(0);
    expect(printed.lines.map((line) => line.slice(TIME.length + 1))).toEqual([
      'stream.end    the server is shutting down',
      'stream.gap    the server was started again; what happened in between is not known',
      'phase         serving',
    ]);
    await second.close();
  });

  it('ends when the reader of its output is gone', async () => {
    const journal = new EventJournal((text) => text);
    const server = await startServer(journal);
    const printed = new Printed();
    const ended = run([], { socket: server.socketPath }, printed.context(server.folder));
    await vi.waitFor(() => expect(journal.readers).toBe(1));
    printed.isReaderGone = true;
    journal.add('phase', { at: AT, phase: 'serving', activity: '' });
    expect(await ended).toBe(0);
  });

  it.each([
    ['no server', { socket: '/nowhere/mxcp.sock' }, 'connection_failed'],
    ['a type that does not exist', { types: 'relaod' }, 'bad_request'],
    ['an id that no server gave', { sinceId: 'yesterday' }, 'bad_request'],
    ['a count of nothing', { count: '0' }, 'usage'],
  ])('fails at once with %s', async (_, options, code) => {
    const server = await startServer(new EventJournal((text) => text));
    const failed = run([], { socket: server.socketPath, ...options }, new Printed().context(server.folder));
    await expect(failed).rejects.toMatchObject({ code });
  });
});
