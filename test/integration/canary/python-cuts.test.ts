import { readFileSync } from 'node:fs';
import type { Client } from '@modelcontextprotocol/client';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { ChildServer } from '../../kit/child-server.js';
import { callText, connectTo } from '../../kit/mcp-client.js';
import { httpSecret, pythonTool, TemporaryProject, userConfig } from '../../kit/projects/temporary-project.js';
import { failure } from './answers.js';
import { leaksIn } from './canaries.js';

/** Both of its ends would show. */
const SECRET = 'canary-ключ-9Qk-canary';

const CODE = [
  'from mxcp.runtime import config',
  '',
  'def secret(): return config.get_secret("api")["BEARER_TOKEN"]',
  '',
  'def prints():',
  '    for length in range(8140, 8200):',
  '        print("x" * length + secret() + " after")',
  '    print("all printed")',
  '',
  'def raises(before, after):',
  '    raise ValueError("x" * before + secret() + "y" * after)',
  '',
  'def floods():',
  '    for _ in range(20_000):',
  '        print("a line with " + secret() + " in it")',
];

const lengths = [
  'parameters: [{ name: before, type: integer, description: x }, { name: after, type: integer, description: y }]',
];

describe('text of Python code that is cut', () => {
  let project: TemporaryProject;
  let server: ChildServer;
  let client: Client;

  beforeAll(async () => {
    project = new TemporaryProject({
      'config.yml': [...userConfig(httpSecret('api', SECRET)), 'logging: { path: mxcp.log, level: DEBUG }'],
      'python/code.py': CODE,
      'tools/prints.yml': pythonTool('prints', 'python/code.py'),
      'tools/floods.yml': pythonTool('floods', 'python/code.py'),
      'tools/raises.yml': pythonTool('raises', 'python/code.py', lengths),
    });
    server = await ChildServer.start(project, { args: ['--debug', '--python-workers', '1'] });
    client = await connectTo(server.url);
  });

  afterAll(async () => {
    await client.close();
    await server[Symbol.asyncDispose]();
    expect(leaksIn(server.stderr)).toEqual([]);
    expect(leaksIn(readFileSync(project.path('mxcp.log'), 'utf8'))).toEqual([]);
    project[Symbol.dispose]();
  });

  it('shows no part of a secret at the end of a long line', async () => {
    await callText(client, 'prints');
    await vi.waitFor(() => expect(server.stderr).toContain('all printed'));
    expect(server.stderr).toContain('more bytes)');
    expect(leaksIn(server.stderr)).toEqual([]);
  });

  it('shows no part of a secret in a long error or its traceback', async () => {
    for (let place = 0; place <= SECRET.length; place += 1) {
      // Where the text of an error is cut, and where a traceback is.
      for (const [before, after] of [
        [1000 - place, 3000],
        [3000, 1000 - place],
        [7800 - place, 9000],
      ]) {
        const error = await failure(callText(client, 'raises', { before, after }));
        expect(error.length).toBeLessThan(2_200);
        expect(leaksIn(error)).toEqual([]);
      }
    }
    expect(server.stderr).toContain('Traceback');
    expect(leaksIn(server.stderr)).toEqual([]);
  });

  it('shows no part of a secret in a flood', async () => {
    await callText(client, 'floods');
    await vi.waitFor(() => expect(server.stderr).toContain('lines dropped'), { timeout: 10_000 });
    expect(leaksIn(server.stderr)).toEqual([]);
  });
});
