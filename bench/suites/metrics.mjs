import { setTimeout as delay } from 'node:timers/promises';
import { interleave } from '../measure/interleave.mjs';
import { requireSuccess, runLoad } from '../measure/load.mjs';
import { get, modernCall } from '../measure/mcp-requests.mjs';
import { MxcpServer } from '../measure/mxcp-server.mjs';
import { Project } from '../measure/project.mjs';
import { figure, ratio } from '../report/figure.mjs';

export const about = 'calls with metrics, scraped every second, compared with MXCP_METRICS=off';

const CPU_AIM = 1.02;
const CLIENTS = 4;
const SCRAPE_EVERY_MS = 1000;
/** In one process without anything else, because a part of a call that is so small is lost in the noise of a whole one. */
const OBSERVED_CALLS = 100_000;
const SCRAPES = 20;

export async function run({ quick, profileArgs }) {
  const project = new Project(200);
  const other = new Project(200);
  const on = await MxcpServer.start(project, { nodeArgs: profileArgs });
  const off = await MxcpServer.start(other, { env: { MXCP_METRICS: 'off' } });
  try {
    await on.ready();
    await off.ready();
    return [
      ...(await measureCalls({ on, off }, quick)),
      ...(await measureCounting(quick)),
      ...(await measureScrapes(on, quick)),
    ];
  } finally {
    await on.stop();
    await off.stop();
    project.remove();
    other.remove();
  }
}

async function measureCalls({ on, off }, quick) {
  const seconds = quick ? 0.2 : 2;
  const requestOf = (client) => modernCall('sum', { a: 20, b: 22 }, client);
  const load = (server) =>
    runLoad({ target: server.mcp, process: server, requestOf, clients: CLIENTS, seconds }).then(requireSuccess);
  const scraped = async () => {
    const stopped = new AbortController();
    const scraping = scrapeUntil(on, stopped.signal);
    const result = await load(on);
    stopped.abort();
    await scraping;
    return result;
  };
  await Promise.all([load(on), load(off)]); // warm-up
  const samples = await interleave(quick ? 1 : 15, { on: scraped, off: () => load(off) });
  const of = (side, key) => samples[side].map((sample) => sample[key]);
  return [
    figure('off: CPU per call', 'µs', of('off', 'cpuUs')),
    figure('on: CPU per call', 'µs', of('on', 'cpuUs')),
    ratio('CPU per call: on to off', of('on', 'cpuUs'), of('off', 'cpuUs'), { aim: CPU_AIM }),
    ratio('p50: on to off', of('on', 'p50'), of('off', 'p50')),
  ];
}

async function scrapeUntil(server, signal) {
  while (!signal.aborted) {
    await runLoad({ target: server.admin, requestOf: () => get('/metrics'), seconds: 0.001 }).then(requireSuccess);
    await delay(SCRAPE_EVERY_MS, undefined, { signal }).catch(() => {});
  }
}

/** What the observer itself does for each call. */
async function measureCounting(quick) {
  const { ServerMetrics } = await import(new URL('../../dist/metrics/index.js', import.meta.url).href);
  const [calls] = new ServerMetrics(() => Promise.reject(new Error('not scraped'))).observers;
  const ended = { kind: 'tool', endpoint: 'sum', failure: undefined, durationMs: 1.5 };
  const rounds = Array.from({ length: quick ? 1 : 7 }, () => {
    const before = process.cpuUsage();
    for (let call = 0; call < OBSERVED_CALLS; call += 1) calls.callEnded(ended);
    const { user, system } = process.cpuUsage(before);
    return (user + system) / OBSERVED_CALLS;
  });
  return [figure('counting one call', 'µs', rounds)];
}

async function measureScrapes(server, quick) {
  const rounds = [];
  for (let round = 0; round < (quick ? 1 : 7); round += 1) {
    const before = server.tree().cpuMs;
    for (let scrape = 0; scrape < SCRAPES; scrape += 1)
      await runLoad({ target: server.admin, requestOf: () => get('/metrics'), seconds: 0.001 }).then(requireSuccess);
    rounds.push((server.tree().cpuMs - before) / SCRAPES);
  }
  return [figure('one scrape with 200 endpoints: CPU', 'ms', rounds)];
}
