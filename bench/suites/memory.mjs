import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { MeasuredProcess } from '../measure/child-process.mjs';
import { ContinuousReloads } from '../measure/continuous-reloads.mjs';
import { HttpConnection } from '../measure/http-connection.mjs';
import { requireSuccess, runLoad } from '../measure/load.mjs';
import { modernCall } from '../measure/mcp-requests.mjs';
import { MxcpServer } from '../measure/mxcp-server.mjs';
import { Project } from '../measure/project.mjs';
import { summarize } from '../measure/statistics.mjs';
import { figure, single } from '../report/figure.mjs';

export const about = 'resident memory of the whole process tree';

const LIBRARIES = fileURLToPath(new URL('../baselines/load-libraries.mjs', import.meta.url));
/** If memory grows by more than this between the first and the second half of the same work, there is a leak. */
const GROWTH_AIM = 1.15;
const SAMPLE_EVERY_MS = 50;
const LARGE_KILOBYTES = 10 * 1024;

export async function run({ quick, profileArgs }) {
  const project = new Project(10);
  const libraries = new MeasuredProcess([LIBRARIES]);
  const server = await MxcpServer.start(project, { args: ['--max-result-bytes', '32MiB'], nodeArgs: profileArgs });
  try {
    await libraries.until(() => libraries.output.includes('loaded'));
    await server.ready();
    const rest = await samplesDuring(server, () => delay(quick ? 200 : 3000));
    const base = await samplesDuring(libraries, () => delay(quick ? 200 : 1000));
    return [
      figure('bare Node with DuckDB and the MCP SDK', 'MiB', base),
      figure('at rest', 'MiB', rest),
      ...(await measureWork(server, project, quick)),
    ];
  } finally {
    await server.stop();
    await libraries.stop();
    project.remove();
  }
}

async function measureWork(server, project, quick) {
  const seconds = quick ? 0.3 : 10;
  const requestOf = () => modernCall('rows', { first: 1 });
  const call = () => runLoad({ target: server.mcp, requestOf, clients: 16, seconds }).then(requireSuccess);
  const reloads = new ContinuousReloads(project, { everyMs: 200 });
  const reloadCount = quick ? 2 : 250;
  const resultCount = quick ? 1 : 25;
  const load = await samplesDuring(server, call);
  const reloading = await samplesDuring(server, () => reloads.during(call));
  const firstReloads = await samplesAfter(server, () => reloads.repeat(reloadCount));
  const secondReloads = await samplesAfter(server, () => reloads.repeat(reloadCount));
  const million = () =>
    runLoad({ target: server.mcp, requestOf: () => modernCall('million'), clients: 64, seconds }).then(requireSuccess);
  // The first calls fill the heap of V8, whose collections then let the memory swing between 260 and 430 MiB (Node 20, two cores).
  await million();
  const firstMillions = await samplesDuring(server, million);
  const secondMillions = await samplesDuring(server, million);
  const firstResults = await samplesAfter(server, () => readLargeResults(server, resultCount));
  const secondResults = await samplesAfter(server, () => readLargeResults(server, resultCount));
  return [
    figure('under load, 16 clients', 'MiB', load),
    figure('under load during reloads', 'MiB', reloading),
    figure(`after ${2 * reloadCount} more reloads`, 'MiB', secondReloads),
    single('second half of these reloads to the first', '×', last(secondReloads) / last(firstReloads), {
      aim: GROWTH_AIM,
    }),
    figure('while 64 clients call a tool of a million rows', 'MiB', secondMillions),
    single(
      'second half of these calls to the first',
      '×',
      summarize(secondMillions).median / summarize(firstMillions).median,
      { aim: GROWTH_AIM },
    ),
    figure(`after ${2 * resultCount} results of 10 MiB`, 'MiB', secondResults),
    single('second half of these results to the first', '×', last(secondResults) / last(firstResults), {
      aim: GROWTH_AIM,
    }),
  ];
}

async function readLargeResults(server, count) {
  const connection = await HttpConnection.open(server.mcp);
  for (let read = 0; read < count; read += 1) {
    const { status, bytes } = await connection.send(modernCall('large', { kilobytes: LARGE_KILOBYTES }));
    if (status !== 200 || bytes < LARGE_KILOBYTES * 1024) throw new Error(`${status} with ${bytes} bytes`);
  }
  connection.close();
}

/** Samples the memory of the process tree during the work. */
async function samplesDuring(process, work) {
  const samples = [process.tree().rssMib];
  const sampling = setInterval(() => samples.push(process.tree().rssMib), SAMPLE_EVERY_MS);
  try {
    await work();
  } finally {
    clearInterval(sampling);
  }
  return samples;
}

async function samplesAfter(process, work) {
  await work();
  return samplesDuring(process, () => delay(1000));
}

function last(samples) {
  return samples.at(-1);
}
