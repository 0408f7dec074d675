import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Client } from '@modelcontextprotocol/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ChildServer } from '../../kit/child-server.js';
import { callText, connectTo, ERAS } from '../../kit/mcp-client.js';
import { TemporaryProject } from '../../kit/projects/temporary-project.js';
import { ask, failure, follow, ROUTES } from './answers.js';
import { BROKEN, restore } from './broken-projects.js';
import { CANARIES, CANARY_ENVIRONMENT, CANARY_PROJECT, canaryConfig, leaksIn } from './canaries.js';

describe.each(['text', 'json'])('a server that logs %s', (format) => {
  let project: TemporaryProject;
  let server: ChildServer;
  let streams: readonly ReturnType<typeof follow>[];

  beforeAll(async () => {
    project = new TemporaryProject({
      ...CANARY_PROJECT,
      'config.yml': [...canaryConfig(), `logging: { path: mxcp.log, level: DEBUG }`],
    });
    server = await ChildServer.start(project, {
      args: ['--debug', '--env-file', project.path('service.env'), '--log-format', format],
      env: { ...CANARY_ENVIRONMENT, TMPDIR: project.root },
    });
    streams = ['/events', '/trace'].map((path) => follow(project, path));
  });

  afterAll(async () => {
    await server[Symbol.asyncDispose]();
    expect(leaksIn(server.stderr)).toEqual([]);
    const [events = '', trace = ''] = streams.map(({ text }) => text());
    for (const name of ['reload.ended', 'call.error', 'log', 'phase']) expect(events).toContain(`event: ${name}\n`);
    expect(trace).toContain('event: call\n');
    expect([events, trace].flatMap(leaksIn)).toEqual([]);
    expect(leaksIn(readFileSync(project.path('mxcp.log'), 'utf8'))).toEqual([]);
    project[Symbol.dispose]();
  });

  it('answers nothing secret on any route of the admin socket', async () => {
    const answers = await Promise.all(ROUTES.map((path) => ask(project, path)));
    expect(answers.flatMap(leaksIn)).toEqual([]);
  });

  it.each(Object.entries(BROKEN))('says nothing secret about a reload that fails for %s', async (_, breakIt) => {
    breakIt(project);
    const answers = [await ask(project, '/reload?wait=20', 'POST'), await ask(project, '/reload?dry_run=true', 'POST')];
    restore(project);
    for (const answer of answers) expect(answer).toMatch(/^500 /);
    answers.push(...(await Promise.all(ROUTES.map((path) => ask(project, path)))));
    expect(answers.flatMap(leaksIn)).toEqual([]);
    expect(leaksIn(server.stderr)).toEqual([]);
  });

  describe.each(ERAS)('to an MCP client (%s)', (era) => {
    let client: Client;
    beforeAll(async () => {
      client = await connectTo(server.url, { era });
    });
    afterAll(() => client.close());

    it.each(Object.entries(CANARIES))('takes a value (%s) out of every error that quotes it', async (_, value) => {
      const errors = await Promise.all([
        failure(callText(client, 'cast', { text: value })),
        failure(callText(client, 'raise', { text: value })),
        failure(callText(client, 'execute_sql_query', { sql: `SELECT '${value.replaceAll("'", "''")}'::INTEGER` })),
        failure(client.readResource({ uri: `note://${encodeURIComponent(value)}` })),
        failure(client.getPrompt({ name: 'say', arguments: { text: value } })),
      ]);
      expect(errors.flatMap(leaksIn)).toEqual([]);
    });

    it('takes the content of a secret file out of an error', async () => {
      expect(leaksIn(await failure(callText(client, 'file')))).toEqual([]);
    });

    it('leaves results as they are, whether or not they look like a secret', async () => {
      expect(await callText(client, 'short')).toBe('prod 1 production');
      expect(await callText(client, 'pair', { text: CANARIES.literal })).toBe(`${CANARIES.literal} ok`);
    });

    it('leaves short values in errors', async () => {
      expect(await failure(callText(client, 'raise', { text: 'prod 1 production' }))).toContain('prod 1 production');
    });
  });

  it('shows nothing in its command line or in files that it leaves behind', () => {
    expect(leaksIn(readFileSync(`/proc/${server.pid}/cmdline`, 'utf8'))).toEqual([]);
    const written = readdirSync(project.root, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && !['config.yml', 'service.env', 'token'].includes(entry.name))
      .map(({ parentPath, name }) => readFileSync(join(parentPath, name), 'latin1'));
    expect(written.flatMap(leaksIn)).toEqual([]);
  });
});
