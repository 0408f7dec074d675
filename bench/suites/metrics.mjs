import { setTimeout as delay } from 'node:timers/promises';
import { interleave } from '../measure/interleave.mjs';
import { requireSuccess, runLoad } from '../measure/load.mjs';
import { get, modernCall } from '../measure/mcp-requests.mjs';
import { MxcpServer } from '../measure/mxcp-server.mjs';
import { Project } from '../measure/project.mjs';
import { summarize } from '../measure/statistics.mjs';
import { figure, ratio } from '../report/figure.mjs';

export const about = 'calls with metrics, scraped every second, compared with MXCP_METRICS=off';

const COST_AIM = 1.02;
const CLIENTS = 4;
const SCRAPE_EVERY_MS = 1000;
/** In one process without anything else, because a part of a call that is so small is lost in the noise of a whole one. */
const OBSERVED_CALLS = 100_000;
const SCRAPES = 20;

/** Off twice: the second one shows what the noise of this machine is. */
export async function run({ quick, profileArgs }) {
  const servers = {
    on: await startServer(profileArgs),
    off: await startServer(profileArgs, OFF),
    offAgain: await startServer(profileArgs, OFF),
  };
  try {
    const samples = await measureCalls(servers, quick);
    const counting = await measureCounting(quick);
    const scrapes = await measureScrapes(servers.on.server, quick);
    const idle = await measureIdle(servers, quick);
    const cpu = (side) => samples[side].map(({ cpuUs }) => cpuUs);
    return [
      figure('off: CPU per call', 'µs', cpu('off')),
      ratio('CPU per call: on to off', cpu('on'), cpu('off')),
      ratio('CPU per call: off again to off', cpu('offAgain'), cpu('off')),
      figure('counting one call', 'µs', counting),
      figure('one scrape with 200 endpoints: CPU', 'ms', scrapes),
      figure('idle, on: CPU per second', 'ms', idle.on),
      figure('idle, off: CPU per second', 'ms', idle.off),
      figure('the parts together, of a call: on to off', '×', [costOfParts({ samples, counting, scrapes, idle })], {
        aim: COST_AIM,
      }),
    ];
  } finally {
    for (const { server, project } of Object.values(servers)) {
      await server.stop();
      project.remove();
    }
  }
}

const OFF = { MXCP_METRICS: 'off' };

async function startServer(nodeArgs, env = {}) {
  const project = new Project(200);
  const server = await MxcpServer.start(project, { nodeArgs, env });
  await server.ready();
  return { server, project };
}

async function measureCalls(servers, quick) {
  const seconds = quick ? 0.2 : 2;
  const requestOf = (client) => modernCall('sum', { a: 20, b: 22 }, client);
  const loads = {};
  for (const [name, { server }] of Object.entries(servers)) {
    const load = () =>
      runLoad({ target: server.mcp, process: server, requestOf, clients: CLIENTS, seconds }).then(requireSuccess);
    await load(); // warm-up
    loads[name] = name === 'on' ? () => whileScraped(server, load) : load;
  }
  return interleave(quick ? 1 : 15, loads);
}

async function whileScraped(server, load) {
  const stopped = new AbortController();
  const scraping = scrapeUntil(server, stopped.signal);
  const result = await load();
  stopped.abort();
  await scraping;
  return result;
}

async function scrapeUntil(server, signal) {
  while (!signal.aborted) {
    await runLoad({ target: server.admin, requestOf: () => get('/metrics'), seconds: 0.001 }).then(requireSuccess);
    await delay(SCRAPE_EVERY_MS, undefined, { signal }).catch(() => {});
  }
}

/** What a call pays for: its counting, and its share of a scrape and of what observes the process in each second. */
function costOfParts({ samples, counting, scrapes, idle }) {
  const median = (values) => summarize(values).median;
  const perCall = median(samples.off.map(({ cpuUs }) => cpuUs));
  const callsPerSecond = median(samples.off.map(({ perSecond }) => perSecond));
  const perSecondMs = median(scrapes) + Math.max(0, median(idle.on) - median(idle.off));
  return 1 + (median(counting) + (perSecondMs * 1000) / callsPerSecond) / perCall;
}

/** What the observer itself does for each call. */
async function measureCounting(quick) {
  const { ServerMetrics } = await import(new URL('../../dist/metrics/index.js', import.meta.url).href);
  const [calls] = new ServerMetrics(() => Promise.reject(new Error('not scraped'))).observers;
  const ended = { kind: 'tool', endpoint: 'sum', caller: {}, failure: undefined, durationMs: 1.5 };
  const rounds = Array.from({ length: quick ? 1 : 7 }, () => {
    const before = process.cpuUsage();
    for (let call = 0; call < OBSERVED_CALLS; call += 1) calls.callEnded(ended);
    const { user, system } = process.cpuUsage(before);
    return (user + system) / OBSERVED_CALLS;
  });
  return rounds;
}

async function measureScrapes(server, quick) {
  const rounds = [];
  for (let round = 0; round < (quick ? 1 : 7); round += 1) {
    const before = server.tree().cpuMs;
    for (let scrape = 0; scrape < SCRAPES; scrape += 1)
      await runLoad({ target: server.admin, requestOf: () => get('/metrics'), seconds: 0.001 }).then(requireSuccess);
    rounds.push((server.tree().cpuMs - before) / SCRAPES);
  }
  return rounds;
}

/** Idle servers show what observes the event loop and the garbage collection. */
async function measureIdle({ on, off }, quick) {
  const seconds = quick ? 0.2 : 3;
  const rest = async ({ server }) => {
    const before = server.tree().cpuMs;
    await delay(seconds * 1000);
    return (server.tree().cpuMs - before) / seconds;
  };
  return interleave(quick ? 1 : 5, { on: () => rest(on), off: () => rest(off) });
}
