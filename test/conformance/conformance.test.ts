import { cpSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { afterAll, describe, expect, it } from 'vitest';
import type { AdminClient } from '../../src/admin/client/index.js';
import { ChildServer } from '../kit/child-server.js';
import { createProject, type TemporaryProject } from '../kit/projects/temporary-project.js';
import { type Findings, OfficialSuite, type Revision, REVISIONS } from './official-suite.js';
import { printTable } from './print-table.js';
import { StdioBridge } from './stdio-bridge.js';

const COMMAND = join(import.meta.dirname, '../../bin/mxcp');
const suite = OfficialSuite.install();

/** What is known to fail, by revision and scenario. The file has no types of its own; a wrong one makes the comparison fail. */
const EXPECTED = parse(readFileSync(join(import.meta.dirname, 'expected-failures.yml'), 'utf8')) as Partial<
  Record<Revision, Findings | null>
>;

/** Scenarios about headers, status codes, sessions and connections, which a pipe does not have. */
const ONLY_HTTP: ReadonlySet<string> = new Set([
  'server-stateless',
  'server-sse-multiple-streams',
  'dns-rebinding-protection',
]);

const columns: { readonly name: string; readonly findings: Findings }[] = [];
afterAll(() => printTable(columns));

interface ServerUnderTest extends AsyncDisposable {
  readonly url: string;
  readonly admin: AdminClient;
}

function startHttp(project: TemporaryProject): Promise<ServerUnderTest> {
  return ChildServer.start(project, { args: ['--reload-definitions'] });
}

/** A first request of 2026-07-28. The suite begins with one that is of no revision, which would make a pipe one of 2025. */
const FIRST_REQUEST = {
  jsonrpc: '2.0',
  id: 0,
  method: 'tools/list',
  params: {
    _meta: {
      'io.modelcontextprotocol/protocolVersion': '2026-07-28',
      'io.modelcontextprotocol/clientInfo': { name: 'bridge', version: '1' },
      'io.modelcontextprotocol/clientCapabilities': {},
    },
  },
};

function startStdio(project: TemporaryProject, revision: Revision): Promise<ServerUnderTest> {
  return StdioBridge.start(project, COMMAND, revision === '2026-07-28' ? FIRST_REQUEST : undefined);
}

function copyProject(): TemporaryProject {
  const project = createProject();
  cpSync(join(import.meta.dirname, 'project'), project.root, { recursive: true });
  return project;
}

/** Without what passed, and what does not apply to the transport. */
function failures(findings: Findings, transport: string): Findings {
  const all = Object.entries(findings);
  return Object.fromEntries(all.filter(([name, found]) => found.length > 0 && applies(name, transport)));
}

function applies(scenario: string, transport: string): boolean {
  return transport === 'HTTP' || !ONLY_HTTP.has(scenario);
}

const TRANSPORTS = [
  ['HTTP', startHttp],
  ['stdio', startStdio],
] as const;

describe.each(REVISIONS)('what revision %s requires', (revision) => {
  it.each(TRANSPORTS)(
    'fails only where the list says so over %s, before and after a reload',
    async (transport, start) => {
      await using server = await start(copyProject(), revision);
      for (const moment of ['before', 'after']) {
        if (moment === 'after') await server.admin.reload({ waitMs: 30_000, definitions: true });
        const findings = await suite.run(revision, server.url);
        const applicable = Object.entries(findings).filter(([name]) => applies(name, transport));
        const name = `${revision} over ${transport}, ${moment} a reload`;
        columns.push({ name, findings: Object.fromEntries(applicable) });
        expect(failures(findings, transport)).toEqual(failures(EXPECTED[revision] ?? {}, transport));
      }
    },
  );

  it('has every scenario of the list', () => {
    expect(suite.requiredBy(revision)).toEqual(expect.arrayContaining(Object.keys(EXPECTED[revision] ?? {})));
  });
});
