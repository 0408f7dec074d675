import { existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { describe, expect, it, vi } from 'vitest';
import { readAuditLines } from '../../kit/audit-lines.js';
import { InProcessServer } from '../../kit/in-process-server.js';
import { callText, connectTo } from '../../kit/mcp-client.js';
import { CLIENT_PROJECT } from '../../kit/projects/client-project.js';
import { createProject, sqlTool, type TemporaryProject } from '../../kit/projects/temporary-project.js';

const BROKEN = sqlTool('broken', "SELECT error('no such luck') AS a");

function createAudited(keys = ''): TemporaryProject {
  return createProject({
    ...CLIENT_PROJECT,
    'tools/broken.yml': BROKEN,
    'mxcp-site.yml': [
      'mxcp: 1',
      'project: audited',
      'profile: dev',
      `profiles: { dev: { audit: { enabled: true${keys} } } }`,
    ],
  });
}

const linesOf = (project: TemporaryProject) => readAuditLines(project.path('audit/logs-dev.jsonl'));

describe('a server with an audit log', () => {
  it('has a record of every call before its answer, whatever became of it', async () => {
    const project = createAudited();
    await using server = await InProcessServer.start(project);
    const client = await connectTo(server.url);
    const names = async (): Promise<readonly unknown[]> =>
      (await linesOf(project)).map((line) => line['operation_name']);
    await callText(client, 'add', { a: 40 });
    expect(await names()).toEqual(['add']);
    await client.callTool({ name: 'broken', arguments: {} });
    await client.callTool({ name: 'add', arguments: { a: 'x', secret: 'y' } });
    await client.readResource({ uri: 'notes://7' });
    await client.getPrompt({ name: 'greet', arguments: { who: 'Ada' } });
    await expect(client.callTool({ name: 'absent', arguments: { a: 'x' } })).rejects.toThrow('Unknown tool');
    await client.close();
    const { config_fingerprint: fingerprint, ...first } = (await linesOf(project))[0] ?? {};
    expect(fingerprint).toMatch(/^[0-9a-f]{32}$/);
    expect(first).toMatchObject({
      schema_name: 'mxcp.endpoints',
      schema_version: 2,
      operation_type: 'tool',
      operation_name: 'add',
      operation_status: 'success',
      caller_type: 'http',
      user_id: null,
      input_data: { a: 40 },
      output_data: 42,
      error: null,
      policy_decision: null,
      generation: 1,
      reload_id: null,
      client: '127.0.0.1',
    });
    const rest = (await linesOf(project))
      .slice(1)
      .map((line) => [
        line['operation_type'],
        line['operation_name'],
        line['error_code'],
        line['input_data'],
        line['output_data'],
      ]);
    expect(rest).toEqual([
      ['tool', 'broken', 'query_failed', {}, null],
      ['tool', 'add', 'params_invalid', { a: 'x', secret: '[undeclared]' }, null],
      ['resource', 'notes://{id}', null, { id: '7' }, [{ id: '7' }]],
      ['prompt', 'greet', null, { who: 'Ada' }, [{ role: 'user', text: 'Hello Ada' }]],
      ['tool', 'absent', 'endpoint_not_found', { a: '[undeclared]' }, null],
    ]);
  });

  it('records a call that took too long, and one whose client went away', async () => {
    const project = createAudited();
    project.write(
      'tools/slow.yml',
      sqlTool('slow', 'SELECT count(*) AS n FROM range(100000000000) t(i) WHERE i % 7 = 8'),
    );
    await using server = await InProcessServer.start(project, { flags: { callTimeout: '300ms' } });
    const client = await connectTo(server.url);
    await client.callTool({ name: 'slow', arguments: {} });
    const gone = new AbortController();
    const cancelled = client.callTool({ name: 'slow', arguments: {} }, { signal: gone.signal });
    await vi.waitFor(() => expect(server.server.activeCalls).toBe(1));
    gone.abort();
    await expect(cancelled).rejects.toThrow();
    await vi.waitFor(async () => {
      const codes = (await linesOf(project)).map((line) => line['error_code']);
      expect(codes).toEqual(['call_timeout', expect.stringMatching(/^(query_interrupted|call_timeout)$/)]);
    });
    await client.close();
  });

  it('leaves the rest of a large result out of its record', async () => {
    const project = createAudited(', max_value_size: 2000');
    await using server = await InProcessServer.start(project);
    const client = await connectTo(server.url);
    await callText(client, 'rows', { n: 5000 });
    await client.close();
    const [line] = await linesOf(project);
    const output = line?.['output_data'] as { items: number; first: readonly unknown[] };
    expect(output).toMatchObject({ truncated: true, items: 5000, bytes: expect.any(Number) });
    expect(output.first[0]).toEqual({ id: 0, name: 'name 0' });
    expect(output.first.length).toBeGreaterThan(10);
  });

  it('records what operators do, and reloads, and which reload made a generation', async () => {
    const project = createAudited();
    await using server = await InProcessServer.start(project);
    const { id } = await server.admin.reload({ waitMs: 10_000 });
    await server.admin.drain();
    await server.admin.resume();
    await server.admin.setLogLevel('debug', { for: '1m' });
    const client = await connectTo(server.url);
    await callText(client, 'add', { a: 1 });
    await client.close();
    const lines = await linesOf(project);
    const found = lines.map((line) => `${String(line['operation_type'])} ${String(line['operation_name'])}`);
    expect(found.toSorted()).toEqual([
      'admin drain',
      'admin loglevel',
      'admin reload',
      'admin resume',
      'reload api',
      'tool add',
    ]);
    expect(lines.at(-1)).toMatchObject({ generation: 2, reload_id: id });
    expect(lines.find((line) => line['operation_type'] === 'reload')).toMatchObject({
      schema_name: 'mxcp.reloads',
      caller_type: 'server',
      reload_id: id,
      input_data: { dry_run: false, definitions: false },
      output_data: { generation: { from: 1, to: 2 } },
    });
    expect(lines.find((line) => line['operation_name'] === 'loglevel')).toMatchObject({
      caller_type: 'admin',
      input_data: { level: 'debug', for: 60_000 },
    });
  });

  it('refuses calls while no record can be written, and is not ready; operators can still act', async () => {
    const project = createAudited();
    await using server = await InProcessServer.start(project);
    const client = await connectTo(server.url);
    await callText(client, 'add', { a: 1 });
    server.server.reopenLog();
    renameSync(project.path('audit'), project.path('away'));
    writeFileSync(project.path('audit'), '');
    await expect(callText(client, 'add', { a: 2 })).rejects.toThrow('answers no call without its record');
    await expect(client.readResource({ uri: 'notes://7' })).rejects.toThrow('answers no call without its record');
    expect(await server.admin.ready()).toMatchObject({ error: 'not_ready' });
    const status = await server.admin.status();
    expect(status.background).toContainEqual(expect.objectContaining({ name: 'audit', status: 'failing' }));
    expect(status.calls.failures).toEqual({ audit_failed: 2 });
    await server.admin.drain();
    await server.admin.resume();
    rmSync(project.path('audit'));
    renameSync(project.path('away'), project.path('audit'));
    await vi.waitFor(async () => expect(await callText(client, 'add', { a: 3 })).toBe('5'), {
      timeout: 8000,
      interval: 100,
    });
    await client.close();
    const ran = (await linesOf(project)).filter((line) => line['operation_name'] === 'add');
    expect(ran.map((line) => line['input_data'])).toEqual([{ a: 1 }, { a: 2 }, { a: 3 }]);
  });

  it('has no sensitive value in a record, neither of arguments, results nor messages', async () => {
    const project = createAudited();
    const fields = [
      'parameters: [{ name: ssn, type: string, sensitive: true, maxLength: 20 }]',
      'return: { type: array, items: { type: object, properties: { ssn: { type: string, sensitive: true } } } }',
    ];
    project.write('tools/person.yml', sqlTool('person', 'SELECT $ssn AS ssn, 1 AS n', fields));
    await using server = await InProcessServer.start(project);
    const client = await connectTo(server.url);
    await client.callTool({ name: 'person', arguments: { ssn: 'planted-1' } });
    await client.callTool({ name: 'person', arguments: { ssn: 'planted-2-and-far-too-long-for-this' } });
    await client.close();
    const lines = await linesOf(project);
    expect(JSON.stringify(lines)).not.toContain('planted');
    expect(lines[0]).toMatchObject({ input_data: { ssn: '[redacted]' }, output_data: [{ ssn: '[redacted]', n: 1 }] });
    expect(lines[1]).toMatchObject({ error_code: 'params_invalid', input_data: { ssn: '[redacted]' } });
  });

  it('removes what is too old at its start and whenever a new file is begun', async () => {
    const project = createAudited(', retention_days: 30');
    const old = (path: string) => {
      const line = { record_id: 'old', timestamp: '2020-01-01T00:00:00Z', schema_name: 'mxcp.endpoints' };
      project.write(path, JSON.stringify(line));
    };
    old('audit/logs-dev-20200101T000000.jsonl');
    await using server = await InProcessServer.start(project);
    const recorded = async () => (await linesOf(project)).map((line) => line['operation_name']);
    await vi.waitFor(async () => expect(await recorded()).toEqual([]));
    const client = await connectTo(server.url);
    await callText(client, 'add', { a: 1 });
    await client.close();
    old('audit/logs-dev-20200102T000000.jsonl');
    server.server.reopenLog();
    await vi.waitFor(async () => expect(await recorded()).toEqual(['add']));
  });

  it('writes an index of a finished file, and answers from both', async () => {
    const project = createAudited();
    const line = (number: number) =>
      JSON.stringify({
        record_id: `id-${number}`,
        timestamp: '2026-01-01T00:00:00Z',
        operation_type: 'tool',
        error: 'x'.repeat(1000),
      });
    project.write(
      'audit/logs-dev-20260101T000000.jsonl',
      Array.from({ length: 1200 }, (_, number) => line(number)),
    );
    await using server = await InProcessServer.start(project);
    const client = await connectTo(server.url);
    await callText(client, 'add', { a: 1 });
    await client.close();
    const indexes = (): readonly string[] =>
      existsSync(project.path('audit/.index')) ? readdirSync(project.path('audit/.index')) : [];
    await vi.waitFor(() => expect(indexes().join()).toMatch(/^logs-dev-20260101T000000\.jsonl\..*\.parquet$/), {
      timeout: 30_000,
      interval: 100,
    });
    const { records } = await server.admin.auditRecords({ limit: 2 });
    expect(records).toMatchObject([{ operation_name: 'add' }, { record_id: 'id-999' }]);
    expect(await server.admin.auditStats()).toMatchObject({ total_records: 1201 });
  });

  it('does not start when its folder cannot be written', async () => {
    const project = createAudited();
    writeFileSync(project.path('audit'), '');
    await expect(InProcessServer.start(project)).rejects.toMatchObject({ code: 'audit_failed' });
  });

  it('reports a change of its settings as one that needs a restart', async () => {
    const project = createAudited();
    await using server = await InProcessServer.start(project);
    const text = readFileSync(project.path('mxcp-site.yml'), 'utf8').replace('enabled: true', 'enabled: false');
    project.write('mxcp-site.yml', text);
    const { restart_required: required } = await server.admin.reload({ waitMs: 10_000 });
    expect(required).toContainEqual({ setting: 'profiles.dev.audit.enabled', running: true, on_disk: false });
    const client = await connectTo(server.url);
    await callText(client, 'add', { a: 1 });
    await client.close();
    expect((await linesOf(project)).at(-1)).toMatchObject({ operation_name: 'add' });
  });
});
