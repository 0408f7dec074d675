import { cpSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { ChildServer } from '../kit/child-server.js';
import { createProject, sqlTool } from '../kit/projects/temporary-project.js';
import { type ClientRun, tableOf } from './client-table.js';
import { installClients } from './installed-clients.js';

const PROJECT = join(import.meta.dirname, '../conformance/project');
const PAGE = join(import.meta.dirname, '../../docs/reference/clients.md');
const clients = installClients();
const runs: ClientRun[] = [];

/** Each client has a server of its own, because it changes the lists. */
it.each(clients.map((client, index) => [`${client.name} (${index + 1})`, client] as const))('%s', async (_, client) => {
  const project = createProject();
  cpSync(PROJECT, project.root, { recursive: true });
  const large = sqlTool('large', "SELECT repeat('x', 1000000)", ['return: { type: string }']);
  project.write('tools/large.yml', large);
  await using server = await ChildServer.start(project, { args: ['--reload-definitions'] });
  const run = await client.run(server.url);
  runs.push(run);
  expect(readFileSync(PAGE, 'utf8')).toContain(tableOf([run])[2]);
});

it('the reference page has the table of all that were run', () => {
  expect(readFileSync(PAGE, 'utf8')).toContain(tableOf(runs).join('\n'));
});
