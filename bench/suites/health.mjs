import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';
import { BackgroundLoad } from '../measure/background-load.mjs';
import { MeasuredProcess } from '../measure/child-process.mjs';
import { HttpConnection } from '../measure/http-connection.mjs';
import { interleave } from '../measure/interleave.mjs';
import { requireSuccess, runLoad } from '../measure/load.mjs';
import { get, modernCall } from '../measure/mcp-requests.mjs';
import { answersOk, MxcpServer } from '../measure/mxcp-server.mjs';
import { Project } from '../measure/project.mjs';
import { quantile } from '../measure/statistics.mjs';
import { figure, ratio, single } from '../report/figure.mjs';

export const about = 'GET /health on the admin socket compared with bare node:http on a Unix socket';

const BARE_HTTP = fileURLToPath(new URL('../baselines/bare-http.mjs', import.meta.url));
const CLIENTS = 4;
const P99_AIM_MS = 10;
const LARGE_KILOBYTES = 10 * 1024;
/** Each query takes most of a second on a small machine. */
const SLOW_ROWS = 20_000;
/** More than can run at once, so that the pool is full and some queries wait. */
const SLOW_CLIENTS = 24;

export async function run({ quick, profileArgs }) {
  const project = new Project(10);
  const args = ['--max-result-bytes', '32MiB'];
  const server = await MxcpServer.start(project, { args, nodeArgs: profileArgs });
  const bare = await startBareHttp(project);
  try {
    await server.ready();
    const targets = {
      mxcp: { target: server.admin, process: server },
      bare: { target: bare.target, process: bare.process },
    };
    return [...(await measureIdle(targets, quick)), ...(await measureBusy(targets, server, quick))];
  } finally {
    await server.stop();
    await bare.process.stop();
    project.remove();
  }
}

async function startBareHttp(project) {
  const path = join(project.folder, 'bare.sock');
  const process = new MeasuredProcess([BARE_HTTP, path]);
  await process.until(() => answersOk({ path }, get('/health')));
  return { process, target: { path } };
}

async function measureIdle(targets, quick) {
  const seconds = quick ? 0.2 : 1.5;
  const load = ({ target, process }) =>
    runLoad({ target, process, requestOf: () => get('/health'), clients: CLIENTS, seconds }).then(requireSuccess);
  for (const target of Object.values(targets)) await load(target); // warm-up
  const { mxcp, bare } = await interleave(quick ? 1 : 11, {
    mxcp: () => load(targets.mxcp),
    bare: () => load(targets.bare),
  });
  const of = (loads, key) => loads.map((each) => each[key]);
  return ['cpuUs', 'perSecond', 'p50', 'p99'].flatMap((key) => {
    const { name, unit } = IDLE_FIGURES[key];
    return [
      figure(`${name}: mxcp`, unit, of(mxcp, key)),
      figure(`${name}: bare node:http`, unit, of(bare, key)),
      ratio(`${name}: ratio`, of(mxcp, key), of(bare, key)),
    ];
  });
}

const IDLE_FIGURES = {
  cpuUs: { name: 'CPU per request', unit: 'µs' },
  perSecond: { name: 'requests per second', unit: '/s' },
  p50: { name: 'p50', unit: 'ms' },
  p99: { name: 'p99', unit: 'ms' },
};

/** Asks both alternately while the server writes large results and its pool is full, so both see the same load. */
async function measureBusy(targets, server, quick) {
  const large = modernCall('large', { kilobytes: LARGE_KILOBYTES });
  const slow = modernCall('slow', { rows: SLOW_ROWS });
  const background = [
    new BackgroundLoad({ target: server.mcp, request: large, clients: 2 }),
    new BackgroundLoad({ target: server.mcp, request: slow, clients: SLOW_CLIENTS }),
  ];
  await delay(quick ? 500 : 3000);
  const samples = await interleave(quick ? 1 : 11, {
    mxcp: () => probe(targets.mxcp.target, quick ? 20 : 400),
    bare: () => probe(targets.bare.target, quick ? 20 : 400),
  });
  const [largeCounts, slowCounts] = await Promise.all(background.map((each) => each.stop()));
  const of = (name, share) => samples[name].map((latencies) => quantile(latencies, share));
  return [
    figure('while busy, p50: mxcp', 'ms', of('mxcp', 0.5)),
    figure('while busy, p99: mxcp', 'ms', of('mxcp', 0.99), { aim: P99_AIM_MS }),
    figure('while busy, p99: bare node:http', 'ms', of('bare', 0.99)),
    single('while busy: results of 10 MiB written', '', largeCounts.answered),
    single('while busy: slow queries answered', '', slowCounts.answered),
    single('while busy: calls that failed', '', largeCounts.failed + slowCounts.failed, { aim: 0 }),
  ];
}

/** Sends one request every few milliseconds, so that the probes themselves are no load. */
async function probe(target, count) {
  const connection = await HttpConnection.open(target);
  const latencies = [];
  for (let sent = 0; sent < count; sent += 1) {
    const sentAt = performance.now();
    const { status } = await connection.send(get('/health'));
    latencies.push(performance.now() - sentAt);
    if (status !== 200) throw new Error(`/health answered ${status}`);
    await delay(3);
  }
  connection.close();
  return Float64Array.from(latencies).sort();
}
