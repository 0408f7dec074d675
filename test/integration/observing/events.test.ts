import { describe, expect, it, vi } from 'vitest';
import type { StreamedEvent } from '../../../src/admin/client/index.js';
import { EVENTS } from '../../../src/contract/index.js';
import { InProcessServer } from '../../kit/in-process-server.js';
import { callText, connectTo } from '../../kit/mcp-client.js';
import { createShopProject, startShop } from '../../kit/projects/shop.js';
import { sqlTool, userConfig } from '../../kit/projects/temporary-project.js';

/** Reads in the background, as an operator does; `since` continues an earlier reader. */
class Reader {
  readonly events: StreamedEvent[] = [];
  readonly ended: Promise<void>;
  readonly #abort = new AbortController();

  constructor(
    { admin }: InProcessServer,
    options: { readonly since?: string | undefined; readonly types?: readonly string[] } = {},
  ) {
    this.ended = this.#read(admin.events({ ...options, signal: this.#abort.signal }));
  }

  get lastId(): string | undefined {
    return this.events.at(-1)?.id;
  }

  get names(): readonly string[] {
    return this.events.map(({ event }) => event);
  }

  data(name: StreamedEvent['event']): readonly Readonly<Record<string, unknown>>[] {
    return this.events.filter(({ event }) => event === name).map(({ data }) => data);
  }

  async until(name: StreamedEvent['event'], count = 1): Promise<void> {
    await vi.waitFor(() => expect(this.data(name).length).toBeGreaterThanOrEqual(count), { timeout: 10_000 });
  }

  async stop(): Promise<void> {
    this.#abort.abort();
    await this.ended;
  }

  async #read(events: AsyncIterable<StreamedEvent>): Promise<void> {
    for await (const event of events) this.events.push(event);
  }
}

describe('a reader of the events of a server', () => {
  it('sees reloads from request to end, and what clients of MCP failed with', async () => {
    const { project, server } = await startShop('readonly', {
      files: { 'tools/raise.yml': sqlTool('raise', "SELECT error('no luck')") },
    });
    const reader = new Reader(server);
    await reader.until('readiness');
    const record = await server.admin.reload({ waitMs: 20_000 });
    await reader.until('reload.ended');
    const ofRun = reader.events.filter(({ event }) => event.startsWith('reload.'));
    expect(ofRun.map(({ event, data }) => ('stage' in data ? `${data.stage} ${data.status}` : event))).toEqual([
      'reload.queued',
      ...record.stages.flatMap(({ name }) => [`${name} running`, `${name} success`]),
      'reload.ended',
    ]);
    for (const { data } of ofRun) expect(data).toMatchObject({ id: record.id });
    expect(reader.data('reload.ended')[0]).toMatchObject({ status: 'success', generation: record.generation });

    const client = await connectTo(server.url);
    await callText(client, 'raise').catch(() => undefined);
    await reader.until('call.error');
    expect(reader.data('call.error')).toMatchObject([
      { type: 'tool', name: 'raise', code: 'query_failed', left_out: 0 },
    ]);
    await reader.until('log');
    expect(reader.data('log')[0]).toMatchObject({ level: 'warn', component: 'calls' });
    await client.close();

    project.remove('shop.env');
    await server.admin.reload({ waitMs: 20_000 }).catch(() => undefined);
    await reader.until('reload.ended', 2);
    expect(reader.data('reload.ended')[1]).toMatchObject({ status: 'error', error: { stage: expect.any(String) } });
    expect(reader.data('log').some(({ level, component }) => level === 'error' && component === 'reload')).toBe(true);
    for (const { event, data } of reader.events)
      if (event in EVENTS) expect(EVENTS[event as keyof typeof EVENTS].safeParse(data).error).toBeUndefined();
    await reader.stop();
  });

  it('that comes back gets what it missed, from the same process, and learns of a restart', async () => {
    const project = await createShopProject('readonly', { 'config.yml': userConfig() });
    const first = await InProcessServer.start(project);
    const before = new Reader(first, { types: ['reload'] });
    await before.until('stream.begin');
    await before.stop();
    await first.admin.reload({ waitMs: 20_000 });
    const between = new Reader(first, { types: ['reload'], since: before.lastId });
    await between.until('reload.ended');
    expect(between.names.slice(0, 3)).toEqual(['stream.begin', 'reload.queued', 'reload.stage']);
    await first[Symbol.asyncDispose]();
    await between.ended;
    expect(between.names.at(-1)).toBe('stream.end');

    await using second = await InProcessServer.start(project);
    const after = new Reader(second, { since: between.lastId });
    await after.until('stream.gap');
    expect(after.data('stream.gap')).toMatchObject([{ reason: 'restarted' }]);
    await after.stop();
  });

  it('sees the end of the server coming, and does not delay it', async () => {
    const project = await createShopProject('readonly', { 'config.yml': userConfig() });
    const server = await InProcessServer.start(project);
    const reader = new Reader(server);
    await reader.until('readiness');
    expect(reader.data('readiness')).toMatchObject([{ ready: true }]);
    const before = performance.now();
    await server[Symbol.asyncDispose]();
    expect(performance.now() - before).toBeLessThan(5_000);
    await reader.ended;
    expect(reader.data('phase')).toMatchObject([{ phase: 'closing' }]);
    expect(reader.data('readiness').at(-1)).toMatchObject({ ready: false });
    expect(reader.data('stream.end')).toMatchObject([{ reason: 'server_closing' }]);
  });

  it('sees a start from its first step', async () => {
    let open = (): void => undefined;
    const opened = new Promise<void>((resolve) => (open = resolve));
    let arrive = (): void => undefined;
    const arrived = new Promise<void>((resolve) => (arrive = resolve));
    const resolve = async (): Promise<{ value: string }> => {
      arrive();
      await opened;
      return { value: 'http://proxy.example:1' };
    };
    const config = userConfig(['name: a', 'type: http', 'parameters: { HTTP_PROXY: slow://a }']);
    const project = await createShopProject('readonly', { 'config.yml': config });
    await using server = InProcessServer.create(project, { stores: [{ scheme: 'slow', resolve }] });
    const started = server.server.start();
    await arrived;
    const reader = new Reader(server);
    await reader.until('readiness');
    open();
    await started;
    await vi.waitFor(() => expect(reader.data('phase').at(-1)).toMatchObject({ phase: 'serving' }), {
      timeout: 10_000,
    });
    expect(reader.data('readiness')[0]).toMatchObject({ ready: false });
    await vi.waitFor(() => expect(reader.data('readiness').at(-1)).toMatchObject({ ready: true }));
    await reader.stop();
  });
});
