import { request } from 'node:http';
import { describe, expect, it, vi } from 'vitest';
import { Gate } from '../../kit/gate.js';
import { callText, connectTo, ERAS } from '../../kit/mcp-client.js';
import { countOpen } from '../../kit/process-resources.js';
import { sqlTool, userConfig } from '../../kit/projects/temporary-project.js';
import { replaceDatabase } from './reload-database-faults.js';
import { createShopProject, startShop } from '../../kit/projects/shop.js';
import { InProcessServer } from '../../kit/in-process-server.js';

const RELOAD = { waitMs: 20_000 } as const;

/** Resolves its references only while it is open. */
class SlowStore {
  readonly scheme = 'slow';
  #opened: Promise<void> = Promise.resolve();

  async resolve(): Promise<{ value: string }> {
    await this.#opened;
    return { value: 'http://slow.example:1' };
  }

  /** Returns what opens it again. */
  close(): () => void {
    let open = (): void => undefined;
    this.#opened = new Promise((resolve) => (open = resolve));
    return () => open();
  }
}

describe('many who ask at once', () => {
  it('share two runs: the one that ran and one that began after all of them had asked', async () => {
    const store = new SlowStore();
    const files = { 'config.yml': userConfig(['name: a', 'type: http', 'parameters: { HTTP_PROXY: slow://a }']) };
    const { server } = await startShop('readonly', { stores: [store], files });
    const open = store.close();
    const asked = Array.from({ length: 50 }, () => server.admin.reload(RELOAD));
    await vi.waitFor(async () => expect((await server.admin.status()).reload.queued).toBe(49));
    open();
    expect((await Promise.all(asked)).every(({ status }) => status === 'success')).toBe(true);
    expect((await server.admin.reloads()).reloads).toHaveLength(2);

    const accepted = Array.from({ length: 100 }, () => server.server.reload({ trigger: 'api' }));
    const records = await Promise.all(accepted.map(({ ended }) => ended));

    expect(new Set(records.map(({ id }) => id)).size).toBe(100);
    expect(new Set(records.map(({ generation }) => generation.to)).size).toBe(2);
    expect((await server.admin.status()).generation).toBeLessThanOrEqual(5);
    for (const { id, sharedWith } of records.slice(1))
      expect(sharedWith).toContain(id === records[1]?.id ? records[2]?.id : records[1]?.id);
  });

  it('each get a result that covers what was on disk when they asked', async () => {
    const { project, server } = await startShop('readonly');
    const first = server.server.reload({ trigger: 'api' });
    project.write('shop.env', 'OTHER=1\n');
    const second = server.server.reload({ trigger: 'api' });
    await first.ended;
    expect(await second.ended).toMatchObject({ status: 'error', error: { code: 'reference_unresolved' } });
  });
});

describe('a wait', () => {
  it('that runs out answers 504 with where to look, and the reload continues', async () => {
    const { project, server } = await startShop('readonly');
    const answer = await postReload(project.socketPath, '/reload?wait=1ms');
    expect(answer.status).toBe(504);
    expect(answer.body).toMatchObject({ error: 'wait_timeout' });
    const id = answer.location.replace('/reloads/', '');
    expect(answer.body['message']).toContain(`GET /reloads/${id} shows how it ends`);
    await vi.waitFor(async () => expect((await server.admin.reloadRecord(id)).status).toBe('success'));
  });

  it('is not needed: 202 comes at once, in the words of the reference', async () => {
    const { project, server } = await startShop('readonly');
    const answer = await postReload(project.socketPath, '/reload');
    expect(answer.status).toBe(202);
    expect(answer.body).toEqual({
      status: 'reload_initiated',
      timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
      reload_request_id: answer.location.replace('/reloads/', ''),
      message: expect.any(String),
    });
    await vi.waitFor(async () => expect((await server.admin.status()).reload.last_reload_status).toBe('success'));
  });

  it('that is not a time, or an option that does not exist, is refused and reloads nothing', async () => {
    const { project, server } = await startShop('readonly');
    for (const target of ['/reload?wait=soon', '/reload?wait=11m', '/reload?wiat=3s', '/reload?dry_run=maybe'])
      expect((await postReload(project.socketPath, target)).status, target).toBe(400);
    expect((await server.admin.reloads()).reloads).toEqual([]);
  });
});

describe('a reload while a call runs', () => {
  it.each(ERAS)('lets it end on the database it began on, beside new calls on the new one (%s)', async (era) => {
    await using gate = new Gate();
    const slow = sqlTool('slow', `SELECT price FROM item, ${gate.table}`, ['return: { type: integer }']);
    const { project, server } = await startShop('readonly', { files: { 'tools/slow.yml': slow } });
    const client = await connectTo(server.url, { era });
    const openBefore = countOpen('self', project.path('shop.duckdb'));
    const running = callText(client, 'slow');
    await vi.waitFor(async () => expect((await server.admin.status()).reload.active_requests).toBe(1));
    await replaceDatabase(project, 2);

    const record = await server.admin.reload(RELOAD);

    expect(record).toMatchObject({ requests_draining: 1, database: { action: 'reopened', pause_ms: 0 } });
    expect(await callText(client, 'price')).toBe('2');
    expect(countOpen('self', project.path('shop.duckdb'))).toBe(openBefore * 2);
    await gate.open();
    expect(await running).toBe('1');
    await vi.waitFor(() => expect(countOpen('self', project.path('shop.duckdb'))).toBe(openBefore));
    await client.close();
  });
});

describe('what is not enforced', () => {
  it.each([
    [
      'scopes without authentication',
      {
        'config.yml': [
          'mxcp: 1',
          'projects:',
          '  shop:',
          '    profiles:',
          '      dev:',
          '        auth: { authorization: { required_scopes: [a] } }',
        ],
      },
      'this version cannot enforce scopes',
    ],
    [
      'a policy that would protect nothing',
      {
        'tools/extra.yml': sqlTool('extra', 'SELECT 1', [
          'policies: { input: [{ condition: user.role == "guest", action: mask_fields, fields: [a] }] }',
        ]),
      },
      '`mask_fields` changes an answer; move the rule to `output`',
    ],
  ])('stops the start: %s', async (_what, files, message) => {
    using project = await createShopProject('readonly', { 'config.yml': ['mxcp: 1'], ...files });
    await expect(InProcessServer.start(project)).rejects.toThrow(message);
    expect(countOpen('self', project.root)).toBe(0);
  });
});

interface Answer {
  readonly status: number | undefined;
  readonly location: string;
  readonly body: Readonly<Record<string, unknown>>;
}

function postReload(socketPath: string, path: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request({ socketPath, path, method: 'POST', headers: { host: 'localhost' } }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      response.on('end', () =>
        resolve({ status: response.statusCode, location: response.headers.location ?? '', body: JSON.parse(text) }),
      );
    });
    sent.on('error', reject).end();
  });
}
