import { existsSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { RECORDS_IN_SEGMENT, TRACE_ID, writeAuditRecords } from '../measure/audit-records.mjs';
import { HttpConnection } from '../measure/http-connection.mjs';
import { interleave } from '../measure/interleave.mjs';
import { requireSuccess, runLoad } from '../measure/load.mjs';
import { get, modernCall } from '../measure/mcp-requests.mjs';
import { MxcpServer } from '../measure/mxcp-server.mjs';
import { ProtectedProject } from '../measure/protected-project.mjs';
import { figure, ratio, single } from '../report/figure.mjs';

export const about = 'questions about an audit log of ten million records, and calls meanwhile';

/** 10,032,000 records, 10.8 GB. */
const SEGMENTS = 209;
const QUICK_SEGMENTS = 2;
const AIM_MS = 1000;
const CLIENTS = 4;
const CHECK_MS = 200;

const DAY = 'start_time=2026-01-01T00:00:00Z&end_time=2026-01-02T00:00:00Z';
const QUESTIONS = {
  'statistics of all': '/audit/stats',
  'statistics of a day': `/audit/stats?${DAY}`,
  'newest 100': '/audit/query',
  'newest 1,000': '/audit/query?limit=1000',
  '100 of one user': '/audit/query?user_id=user-17',
  '100 denied of one endpoint': '/audit/query?operation_name=endpoint_3&policy_decision=deny',
  'one trace': `/audit/query?trace_id=${TRACE_ID}`,
  'nothing found': '/audit/query?user_id=absent',
};

export async function run({ quick, profileArgs }) {
  const segments = quick ? QUICK_SEGMENTS : SEGMENTS;
  const project = await ProtectedProject.create(['auditDefault']);
  const folder = join(project.folder, 'audit');
  await writeAuditRecords(folder, segments);
  const server = await MxcpServer.start(project, { nodeArgs: profileArgs });
  try {
    await server.ready();
    const indexing = await measureIndexing(folder, segments);
    return [...indexing, ...(await measureQuestions(server, quick)), ...(await measureCalls(server, quick))];
  } finally {
    await server.stop();
    rmSync(folder, { recursive: true });
    project.remove();
  }
}

async function measureIndexing(folder, segments) {
  const startedAt = performance.now();
  const indexes = join(folder, '.index');
  const names = () => (existsSync(indexes) ? readdirSync(indexes).filter((name) => name.endsWith('.parquet')) : []);
  while (names().length < segments) await delay(CHECK_MS);
  const seconds = (performance.now() - startedAt) / 1000;
  const bytes = (paths) => paths.reduce((sum, path) => sum + statSync(path).size, 0);
  const logs = readdirSync(folder).filter((name) => name.endsWith('.jsonl'));
  const share = bytes(names().map((name) => join(indexes, name))) / bytes(logs.map((name) => join(folder, name)));
  return [
    single('records', '', segments * RECORDS_IN_SEGMENT),
    single('indexing: time per file of 50 MiB', 's', seconds / segments),
    single('indexes: share of the size of the log', '%', share * 100),
  ];
}

async function measureQuestions(server, quick) {
  const connection = await HttpConnection.open(server.admin);
  const ask = async (path) => {
    const startedAt = performance.now();
    const { status, body } = await connection.send(get(path));
    if (status !== 200) throw new Error(`${path} was answered with ${status}: ${body}`);
    return performance.now() - startedAt;
  };
  await ask('/audit/stats'); // starts the process that answers
  const variants = Object.fromEntries(Object.entries(QUESTIONS).map(([name, path]) => [name, () => ask(path)]));
  const samples = await interleave(quick ? 1 : 7, variants);
  connection.close();
  return Object.entries(samples).map(([name, times]) => figure(name, 'ms', times, { aim: AIM_MS }));
}

/** While one client asks one question after the other. */
async function measureCalls(server, quick) {
  const seconds = quick ? 0.3 : 3;
  const requestOf = (client) => modernCall('orders', { first: 40 }, client);
  const load = () =>
    runLoad({ target: server.mcp, process: server, requestOf, clients: CLIENTS, seconds }).then(requireSuccess);
  await load(); // warm-up
  const { alone, during } = await interleave(quick ? 1 : 5, { alone: load, during: () => whileAsking(server, load) });
  const of = (samples, key) => samples.map((sample) => sample[key]);
  return [
    figure('calls: p99', 'ms', of(alone, 'p99')),
    figure('calls during questions: p99', 'ms', of(during, 'p99')),
    ratio('calls during questions: p50 to alone', of(during, 'p50'), of(alone, 'p50')),
    ratio('calls during questions: p99 to alone', of(during, 'p99'), of(alone, 'p99')),
  ];
}

async function whileAsking(server, work) {
  const connection = await HttpConnection.open(server.admin);
  const over = new AbortController();
  const asking = (async () => {
    while (!over.signal.aborted) await connection.send(get('/audit/stats'));
  })();
  const result = await work();
  over.abort();
  await asking;
  connection.close();
  return result;
}
