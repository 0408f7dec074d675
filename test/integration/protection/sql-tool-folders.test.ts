import { expect, test } from 'vitest';
import { InProcessServer } from '../../kit/in-process-server.js';
import { callOnce } from '../../kit/projects/python-server.js';
import { createProject } from '../../kit/projects/temporary-project.js';

const projectWith = (tools: string) =>
  createProject({
    'mxcp-site.yml': ['mxcp: 1', 'project: shop', 'profile: dev', `sql_tools: { enabled: true, ${tools} }`],
    'exports/a.csv': ['a,b', '1,fine'],
    'tools.csv': ['a,b', '666,secret'],
  });

test('the SQL tool reads files of the allowed folders and no others', async () => {
  const project = projectWith('allowed_folders: [exports]');
  await using server = await InProcessServer.start(project);
  const run = (sql: string) => callOnce(server, 'execute_sql_query', { sql: sql.replaceAll('@', project.root) });
  expect(await run("SELECT b FROM '@/exports/*.csv'")).toContain('fine');
  for (const name of ['@/tools.csv', '@/exports/../tools.csv', '@/*.csv'])
    await expect(run(`FROM '${name}'`)).rejects.toThrow('may read only files in `sql_tools.allowed_folders`');
});

test('without allowed folders it reads none', async () => {
  const project = projectWith('several_statements: false');
  await using server = await InProcessServer.start(project);
  const reading = callOnce(server, 'execute_sql_query', { sql: `FROM '${project.root}/exports/a.csv'` });
  await expect(reading).rejects.toThrow('SQL of a caller stays within the database');
});

test.each([
  ['allowed_folders: [exports, .]', '4:56', 'the project is in this folder'],
  ['allowed_folders: [/]', '4:47', 'the project is in this folder'],
  ['allowed_folders: [home]', '4:47', 'the user configuration, which holds secrets, is in this folder'],
  ['allowed_folders: [exports], external_access: true', '4:47', 'lets SQL of callers read all files'],
])('a start refuses %s', async (tools, place, message) => {
  await expect(InProcessServer.start(projectWith(tools))).rejects.toThrow(
    new RegExp(`mxcp-site.yml:${place}: .*${message}`),
  );
});
