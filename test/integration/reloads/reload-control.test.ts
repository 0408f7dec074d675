import { describe, expect, it, vi } from 'vitest';
import { Gate } from '../../kit/gate.js';
import { callText, connectTo } from '../../kit/mcp-client.js';
import { startShop } from '../../kit/projects/shop.js';
import { sqlTool } from '../../kit/projects/temporary-project.js';
import { sendRaw } from '../admin/admin-fixture.js';
import { replaceDatabase } from './reload-database-faults.js';

const PATIENCE = { timeout: 15_000, interval: 50 } as const;

describe('a reload that waits for calls', () => {
  it('can be cancelled, and calls continue with the database that is open', async () => {
    await using gate = new Gate();
    const { project, server } = await startShop('readwrite', {
      files: { 'tools/hold.yml': sqlTool('hold', `SELECT passed FROM ${gate.table}`) },
    });
    const client = await connectTo(server.url);
    const held = callText(client, 'hold');
    await vi.waitFor(async () => expect((await server.admin.status()).reload.active_requests).toBe(1), PATIENCE);
    await replaceDatabase(project, 2);
    const waited = server.admin.reload({ waitMs: 20_000 }).catch((error: unknown) => error);
    let id = '';
    await vi.waitFor(async () => {
      const [record] = (await server.admin.reloads()).reloads;
      id = record?.id ?? '';
      expect(record?.stages.find(({ name }) => name === 'drain')?.status).toBe('running');
    }, PATIENCE);
    const record = await server.admin.cancelReload(id);
    expect(record).toMatchObject({ id, status: 'error', error: { code: 'reload_cancelled', stage: 'drain' } });
    expect(await waited).toMatchObject({
      code: 'reload_cancelled',
      message: `reload ${id} was cancelled by a request, nothing changed`,
      reload: { id },
    });
    expect(await callText(client, 'price')).toBe('1');
    expect((await server.admin.status()).reload).toMatchObject({ last_reload: null, in_progress: false });
    await expect(server.admin.cancelReload(id)).rejects.toMatchObject({ code: 'reload_not_cancellable', status: 409 });
    await gate.open();
    await held;
    await client.close();
  });
});

describe('the tag of a configuration', () => {
  const tagOf = async (socketPath: string): Promise<string> => {
    const { headers } = await sendRaw(socketPath, 'GET /config HTTP/1.1');
    return headers['etag'] ?? '';
  };

  it('stays as long as nothing changes, over reloads too, and changes with a secret', async () => {
    const { project, server } = await startShop('readonly');
    const { socketPath } = project;
    const first = await tagOf(socketPath);
    expect(first).toMatch(/^"[0-9a-f]{32}"$/);
    await server.admin.reload({ waitMs: 20_000 });
    expect(await tagOf(socketPath)).toBe(first);
    for (const method of ['GET', 'HEAD']) {
      const same = await sendRaw(socketPath, `${method} /config HTTP/1.1\nIf-None-Match: "x", W/${first}`);
      expect([same.status, same.text, same.headers['etag'], same.headers['content-length']]).toEqual([
        304,
        '',
        first,
        undefined,
      ]);
    }
    project.write('second.txt', 'http://second-2.example:1\n');
    await server.admin.reload({ waitMs: 20_000 });
    const second = await tagOf(socketPath);
    expect(second).not.toBe(first);
    const changed = await sendRaw(socketPath, `GET /config HTTP/1.1\nIf-None-Match: ${first}`);
    expect(changed.status).toBe(200);

    project.write('tools/price.yml', sqlTool('price', 'SELECT price + 1 FROM item'));
    await server.admin.reload({ waitMs: 20_000 });
    expect(await tagOf(socketPath)).toBe(second);
    await server.admin.reload({ waitMs: 20_000, definitions: true });
    expect(await tagOf(socketPath)).not.toBe(second);
  });

  it('lets a reload be asked for only as long as the configuration is the expected one', async () => {
    const { project, server } = await startShop('readonly');
    const { socketPath } = project;
    const refused = await sendRaw(socketPath, 'POST /reload HTTP/1.1\nIf-Match: "other"');
    expect(refused.status).toBe(412);
    expect(JSON.parse(refused.text)).toMatchObject({ error: 'precondition_failed' });
    expect((await server.admin.reloads()).reloads).toEqual([]);
    for (const condition of [await tagOf(socketPath), '*', `"other", ${await tagOf(socketPath)}`]) {
      const taken = await sendRaw(socketPath, `POST /reload?wait=20s HTTP/1.1\nIf-Match: ${condition}`);
      expect(taken.status).toBe(200);
    }
  });
});

describe('the number of reloads', () => {
  it('is limited for the API, forced ones and dry runs included, and not for signals', async () => {
    const { project, server } = await startShop('readonly', { flags: { reloadRateLimit: '60' } });
    const options = ['', '?dry_run=true', '?force=true'];
    const statuses: number[] = [];
    for (let at = 0; at < 12; at += 1) {
      const answer = await sendRaw(project.socketPath, `POST /reload${options[at % 3]} HTTP/1.1`);
      statuses.push(answer.status);
      if (answer.status !== 429) continue;
      expect(JSON.parse(answer.text)).toEqual({
        error: 'reload_rate_limited',
        message: 'more than 60 reloads a minute were asked for; wait, or raise `--reload-rate-limit`',
      });
      expect(answer.headers['retry-after']).toBe('1');
    }
    expect(statuses.slice(0, 10)).not.toContain(429);
    expect(statuses).toContain(429);
    const records = Array.from({ length: 20 }, () => server.server.reload({ trigger: 'sighup' }).ended);
    for (const { status } of await Promise.all(records)) expect(status).toBe('success');
  });

  it('is limited to what the setting says, and not at all with 0', async () => {
    const { server } = await startShop('readonly', { flags: { reloadRateLimit: '0' } });
    for (let at = 0; at < 20; at += 1) await server.admin.requestReload();
  });
});
