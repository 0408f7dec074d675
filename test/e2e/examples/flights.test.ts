import { cpSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { connectClient, MxcpProcess, runMxcp, temporaryFolder, type Finished } from '../cli/mxcp-process.js';

const example = fileURLToPath(new URL('../../../examples/flights', import.meta.url));

let folder: ReturnType<typeof temporaryFolder>;
let project: string;
const mxcp = (...args: readonly string[]): Promise<Finished> => runMxcp(args, { cwd: project });

beforeAll(async () => {
  folder = temporaryFolder();
  project = join(folder.path, 'flights');
  cpSync(example, project, { recursive: true, filter: (path) => !/\.duckdb(\.wal)?$/.test(path) });
  expect(await mxcp('query', '--file', 'sql/load.sql')).toMatchObject({ code: 0, stdout: 'flights\n674\n' });
});
afterAll(() => folder.dispose());

it('is valid without a warning', async () => {
  const { code, stdout } = await mxcp('validate');
  expect(stdout).not.toMatch(/^(warning|error)/m);
  expect(stdout).toContain('6 files: 6 ok, 0 with errors\n');
  expect(code).toBe(0);
});

it('is what a model and strict clients need', async () => {
  expect((await mxcp('lint')).stdout).toBe('0 errors, 0 warnings, 0 hints\n');
});

it.each(['dev', 'analysts'])('passes its own tests with the profile %s', async (profile) => {
  const { code, stdout } = await mxcp('test', '--profile', profile);
  expect(stdout).toContain('10 tests: 10 passed, 0 failed, 0 errors\n');
  expect(code).toBe(0);
});

it('answers a client, and a second process beside it, with the profile that only reads', async () => {
  const server = new MxcpProcess(['serve', '--port', '0', '--profile', 'analysts', '-C', project], { cwd: '/' });
  try {
    const client = await connectClient(await server.url());
    const delays = await client.callTool({ name: 'carrier_delays', arguments: { min_flights: 100 } });
    expect(delays.structuredContent).toMatchObject({
      result: expect.arrayContaining([expect.objectContaining({ carrier: 'UA' })]),
    });
    const distribution = await client.callTool({ name: 'delay_distribution', arguments: {} });
    expect(distribution.structuredContent).toMatchObject({ flights: 660, median: -1 });
    await client.close();
    expect((await mxcp('test', 'tool', 'find_flights', '--profile', 'analysts')).code).toBe(0);
  } finally {
    server.kill('SIGTERM');
    expect((await server.ended).code).toBe(0);
  }
});
