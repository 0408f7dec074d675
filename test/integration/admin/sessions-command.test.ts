import { describe, expect, it, onTestFinished } from 'vitest';
import type { AdminPorts } from '../../../src/admin/index.js';
import { sessions as command } from '../../../src/cli/commands/admin/sessions.js';
import { MxcpError } from '../../../src/errors/index.js';
import { createPorts, startTestServer } from './admin-fixture.js';
import { Printed } from './printed.js';

type Sessions = ReturnType<AdminPorts['sessions']>;

const SESSION = {
  id: '0b8f5c2e7a1d4e9f6c30',
  userId: '7',
  username: 'ada',
  email: null,
  provider: 'github',
  clientId: 'mcp_client_1',
  clientName: 'An \u001b[31mapp',
  scopes: ['read', 'write'],
  signedInAt: new Date('2024-01-15T10:30:00Z'),
  usedAt: new Date('2024-01-15T11:00:00Z'),
  confirmedAt: new Date('2024-01-15T11:00:00Z'),
  endsAt: new Date('2024-02-14T11:00:00Z'),
};

async function run(args: readonly string[], options: Record<string, unknown>, port: Partial<Sessions> = {}) {
  const asked: unknown[] = [];
  const sessions: Sessions = {
    list: (selection) => {
      asked.push(selection);
      return { sessions: [SESSION, { ...SESSION, id: '1', username: null, clientName: null }], count: 3 };
    },
    end: async (id) => {
      asked.push(id);
      return { ...SESSION, id };
    },
    endAll: async (user) => asked.push(user ?? 'all'),
    ...port,
  };
  const server = await startTestServer({ ports: createPorts({ sessions: () => sessions }) });
  onTestFinished(() => server.close());
  const printed = new Printed();
  const code = await command.run(args, { socket: server.socketPath, ...options }, printed.context(server.folder));
  return { code, lines: printed.lines, asked };
}

describe('mxcp admin sessions', () => {
  it('lists sessions, and no name of a client moves the cursor of a terminal', async () => {
    const { lines, asked, code } = await run([], { user: 'ada', limit: '2' });
    expect(asked).toEqual([{ user: 'ada', limit: 2, offset: 0 }]);
    expect(lines).toEqual([
      'ID\tUSER\tCLIENT\tSCOPES\tSIGNED IN\tLAST USED',
      '0b8f5c2e7a1d4e9f6c30\tada\tAn \\u001b[31mapp\tread write\t2024-01-15T10:30:00Z\t2024-01-15T11:00:00Z',
      '1\t7\tmcp_client_1\tread write\t2024-01-15T10:30:00Z\t2024-01-15T11:00:00Z',
      '1 more; `--limit` shows more of them',
    ]);
    expect(code).toBe(0);
  });

  it('says that there are none', async () => {
    expect((await run([], {}, { list: () => ({ sessions: [], count: 0 }) })).lines).toEqual(['no person is signed in']);
  });

  it.each([
    [['end', SESSION.id], {}, [SESSION.id], 'the session of ada for An \\u001b[31mapp has ended'],
    [['end'], { user: 'ada' }, ['ada'], '1 session ended'],
    [['end'], { all: true }, ['all'], '1 session ended'],
  ])('%j with %j ends them', async (args, options, asked, line) => {
    expect(await run(args, options)).toEqual({ code: 0, asked, lines: [line] });
  });

  it.each([
    [['end'], {}],
    [['end', '1'], { user: 'ada' }],
    [['end'], { user: 'ada', all: true }],
    [[], { all: true }],
    [[], { limit: '0' }],
  ])('%j with %j is refused before the server is asked', async (args, options) => {
    await expect(run(args, options)).rejects.toMatchObject({ code: 'usage' });
  });

  it('passes on why a session could not be ended', async () => {
    const end = () => Promise.reject(new MxcpError('persistence_failed', 'the disk is full'));
    await expect(run(['end', '1'], {}, { end })).rejects.toMatchObject({
      code: 'persistence_failed',
      message: 'the disk is full',
    });
  });
});
