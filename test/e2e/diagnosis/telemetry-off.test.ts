import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { ChildServer } from '../../kit/child-server.js';
import { callText, connectTo } from '../../kit/mcp-client.js';
import { createProject, sqlTool } from '../../kit/projects/temporary-project.js';

/** The files of OpenTelemetry that a server has loaded while it answered a call, as V8's own coverage report lists them. */
async function loadedBy(env: NodeJS.ProcessEnv): Promise<readonly string[]> {
  const project = createProject({ 'tools/one.yml': sqlTool('one', 'SELECT 1 AS n') });
  const coverage = project.path('coverage');
  mkdirSync(coverage);
  const server = await ChildServer.start(project, { env: { NODE_V8_COVERAGE: coverage, ...env } });
  const client = await connectTo(server.url);
  await callText(client, 'one');
  await client.close();
  await server[Symbol.asyncDispose]();
  const urls = readdirSync(coverage).flatMap((name): string[] => {
    // Written by Node.
    const report = JSON.parse(readFileSync(`${coverage}/${name}`, 'utf8')) as { result: { url: string }[] };
    return report.result.map(({ url }) => url);
  });
  expect(urls.some((url) => url.endsWith('/dist/command/main.js'))).toBe(true);
  return urls.filter((url) => url.includes('opentelemetry') && !url.endsWith('/packages/opentelemetry-api.js'));
}

// The library of `/metrics` needs the empty interface of OpenTelemetry.
it('a server without telemetry loads nothing of OpenTelemetry but its interface', async () => {
  expect(await loadedBy({})).toEqual([]);
});

it('a server with telemetry loads it', async () => {
  const env = { MXCP_TELEMETRY_ENABLED: 'true', OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9' };
  expect(await loadedBy(env)).toEqual(expect.arrayContaining([expect.stringContaining('opentelemetry-sdk-trace')]));
});
