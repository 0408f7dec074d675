import { PassThrough } from 'node:stream';
import { createInterface } from 'node:readline';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { AdminClient } from '../../../src/admin/client/index.js';
import { Server } from '../../../src/server/index.js';
import { loadSettings } from '../../../src/settings/index.js';
import type { SettingFlags } from '../../../src/settings/settings-table.js';
import { createProject, sqlTool, type TemporaryProject } from '../../kit/projects/temporary-project.js';
import { runChildrenFromSources } from '../../kit/children-from-sources.js';

const SITE = ['mxcp: 1', 'project: shop', 'profile: dev'];
const GROUP = 'groups: { sales: { tools: [revenue], instructions: Be quick. } }';
const INITIALIZE = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'raw', version: '1' } };

function createShop(): TemporaryProject {
  return createProject({
    'mxcp-site.yml': [...SITE, GROUP],
    'tools/revenue.yml': sqlTool('revenue', 'SELECT 7 AS euros'),
    'tools/wipe.yml': sqlTool('wipe', 'SELECT 0 AS gone'),
  });
}

interface Answer {
  readonly id?: number;
  readonly method?: string;
  readonly result?: Readonly<Record<string, unknown>>;
  readonly error?: { readonly code: number; readonly message: string };
}

async function start(project: TemporaryProject, flags: SettingFlags) {
  runChildrenFromSources();
  const env = { HOME: project.path('home'), MXCP_RELOAD_RATE_LIMIT: '0' };
  const settings = loadSettings({
    flags: { transport: 'stdio', adminSocket: project.socketPath, ...flags },
    env,
    cwd: project.root,
  });
  const [input, output] = [new PassThrough(), new PassThrough()];
  const server = new Server({ settings, env, logSinks: [], openStreams: () => ({ input, output }) });
  onTestFinished(() => server.close());
  await server.start();
  const received: Answer[] = [];
  createInterface({ input: output }).on('line', (line) => received.push(JSON.parse(line)));
  let last = 0;
  const ask = async (method: string, params: object = {}): Promise<Answer> => {
    last += 1;
    const id = last;
    input.write(`${JSON.stringify({ jsonrpc: '2.0', id, method, params })}\n`);
    return vi.waitFor(() => {
      const answer = received.find((each) => each.id === id);
      if (answer === undefined) throw new Error('no answer yet');
      return answer;
    }, 10_000);
  };
  const admin = new AdminClient({ socketPath: project.socketPath, timeoutMs: 20_000 });
  return { ask, received, reload: () => admin.reload({ waitMs: 20_000 }) };
}

describe('the client of standard input', () => {
  it('gets the group that `--group` names, and hears that a reload has removed it', async () => {
    const project = createShop();
    const { ask, received, reload } = await start(project, { group: 'sales' });
    expect((await ask('initialize', INITIALIZE)).result).toMatchObject({ instructions: 'Be quick.' });
    expect((await ask('tools/list')).result).toMatchObject({ tools: [{ name: 'revenue' }] });
    expect((await ask('tools/call', { name: 'wipe', arguments: {} })).error?.message).toBe('Unknown tool: wipe');
    project.write('mxcp-site.yml', SITE);
    await reload();
    await vi.waitFor(() => expect(received.map(({ method }) => method)).toContain('notifications/tools/list_changed'));
    const gone = 'there is no group "sales"; `mxcp-site.yml` has no `groups`';
    expect((await ask('tools/list')).error).toMatchObject({ code: -32_602, message: gone });
    expect((await ask('tools/call', { name: 'revenue', arguments: {} })).error?.message).toBe(gone);
    expect((await ask('resources/subscribe', { uri: 'x://y' })).error?.message).toBe('Resource not found: x://y');
    project.write('mxcp-site.yml', [...SITE, GROUP]);
    await reload();
    expect((await ask('tools/call', { name: 'revenue', arguments: {} })).result).toMatchObject({
      structuredContent: { result: [{ euros: 7 }] },
    });
  });

  it.each([
    [{ group: 'slaes' }, '`--group`: there is no group "slaes"; did you mean "sales"?'],
    [{ group: 'sales', transport: 'streamable-http', port: '0' }, 'over HTTP, clients connect to /mcp/sales'],
  ])('gets no server with %o', async (flags, message) => {
    await expect(start(createShop(), flags)).rejects.toMatchObject({
      code: 'usage',
      message: expect.stringContaining(message),
    });
  });
});
