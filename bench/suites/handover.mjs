import { AdminClient } from '../../dist/admin/client/index.js';
import { HttpConnection } from '../measure/http-connection.mjs';
import { isFailure, requireSuccess, runLoad } from '../measure/load.mjs';
import { modernCall } from '../measure/mcp-requests.mjs';
import { MxcpServer } from '../measure/mxcp-server.mjs';
import { Project } from '../measure/project.mjs';
import { APPEND_SQL, ReplacedDatabase } from '../measure/replaced-database.mjs';
import { figure, single } from '../report/figure.mjs';

export const about = 'calls while the read-write database they use is replaced by a file of the same size';

const PAUSE_AIM_MS = 50;
const SIZES_MB = [1, 100, 5000];
const CLIENTS = 4;
const LOAD_SECONDS = 3;
/** DuckDB empties its log itself above 16 MiB. */
const FULL_LOG_MB = 12;

export async function run({ quick, profileArgs }) {
  const figures = [];
  for (const megabytes of quick ? SIZES_MB.slice(0, 1) : SIZES_MB)
    figures.push(...(await measureSize(megabytes, quick, profileArgs)));
  return figures;
}

async function measureSize(megabytes, quick, nodeArgs) {
  const project = new Project(10);
  const database = await ReplacedDatabase.build(project.folder, megabytes);
  const server = await MxcpServer.start(project, { args: ['--sql-tools', 'true'], nodeArgs });
  const side = { server, database, admin: new AdminClient({ socketPath: project.socket }) };
  const rounds = quick ? 1 : 9;
  try {
    await server.ready();
    await callDuring(server, async () => undefined); // warm-up
    return [
      ...(await measureHandovers(side, `${megabytes} MB`, rounds, async () => undefined)),
      ...(await measureHandovers(side, `${megabytes} MB, full log`, rounds, () => fillLog(side))),
    ];
  } finally {
    await server.stop();
    project.remove();
  }
}

async function measureHandovers({ server, database, admin }, what, rounds, prepare) {
  const records = [];
  const loads = [];
  for (let round = 0; round < rounds; round += 1) {
    await prepare();
    const load = await callDuring(server, async () => {
      database.replace();
      records.push(await admin.reload({ waitMs: 120_000 }));
    });
    loads.push(load);
  }
  const others = records.filter(({ database: { action } }) => action !== 'handover');
  if (others.length > 0) throw new Error(`${others.length} of ${rounds} reloads were not handovers`);
  return [
    figure(
      `${what}: pause`,
      'ms',
      records.map((each) => each.database.pause_ms),
      { aim: PAUSE_AIM_MS },
    ),
    figure(
      `${what}: calls that waited`,
      '',
      records.map((each) => each.database.requests_held),
    ),
    figure(
      `${what}: longest call`,
      'ms',
      loads.map(({ longest }) => longest),
    ),
    figure(
      `${what}: whole reload`,
      'ms',
      records.map((each) => each.duration_ms),
    ),
    single(
      `${what}: calls that failed`,
      '',
      loads.reduce((sum, { failures }) => sum + failures, 0),
      { aim: 0 },
    ),
  ];
}

async function callDuring(server, work) {
  const requestOf = () => modernCall('sum', { a: 20, b: 22 });
  const load = runLoad({ target: server.mcp, requestOf, clients: CLIENTS, seconds: LOAD_SECONDS });
  const [done] = await Promise.all([load, work()]);
  return requireSuccess(done);
}

async function fillLog({ server, database }) {
  const connection = await HttpConnection.open(server.mcp);
  while (database.logMegabytes < FULL_LOG_MB) {
    const answer = await connection.send(modernCall('execute_sql_query', { sql: APPEND_SQL }));
    if (isFailure(answer)) throw new Error(`${answer.status} ${answer.body}`);
  }
  connection.close();
}
