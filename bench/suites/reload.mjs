import { ContinuousReloads } from '../measure/continuous-reloads.mjs';
import { interleave } from '../measure/interleave.mjs';
import { runLoad } from '../measure/load.mjs';
import { modernCall } from '../measure/mcp-requests.mjs';
import { MxcpServer } from '../measure/mxcp-server.mjs';
import { Project } from '../measure/project.mjs';
import { figure, ratio, single } from '../report/figure.mjs';

export const about = 'calls during reloads, some of which fail, compared with calls without reloads';

const P99_AIM = 1.3;
const CLIENTS = 4;
const EVERY_MS = 200;

export async function run({ quick, profileArgs }) {
  const project = new Project(10);
  const server = await MxcpServer.start(project, { nodeArgs: profileArgs });
  const requestOf = () => modernCall('sum', { a: 20, b: 22 });
  const reloads = new ContinuousReloads(project, { everyMs: EVERY_MS });
  const seconds = quick ? 0.7 : 3;
  const load = () => runLoad({ target: server.mcp, process: server, requestOf, clients: CLIENTS, seconds });
  try {
    await server.ready();
    await load(); // warm-up
    const samples = await interleave(quick ? 1 : 11, { without: load, during: () => reloads.during(load) });
    return [...toFigures(samples), ...reloadFigures(reloads.records)];
  } finally {
    await server.stop();
    project.remove();
  }
}

function toFigures({ without, during }) {
  const of = (loads, key) => loads.map((each) => each[key]);
  const failures = [...without, ...during].reduce((sum, each) => sum + each.failures, 0);
  return [
    figure('p99 without reloads', 'ms', of(without, 'p99')),
    figure('p99 during reloads', 'ms', of(during, 'p99')),
    ratio('p99 during to without', of(during, 'p99'), of(without, 'p99'), { aim: P99_AIM }),
    ratio('p50 during to without', of(during, 'p50'), of(without, 'p50')),
    ratio('CPU per call during to without', of(during, 'cpuUs'), of(without, 'cpuUs')),
    single('calls that failed', '', failures, { aim: 0 }),
  ];
}

function reloadFigures(records) {
  const succeeded = records.filter(({ status }) => status === 'success');
  const durationsOf = (stage) =>
    succeeded.map(({ stages }) => stages.find(({ name }) => name === stage)?.duration_ms ?? 0);
  const stages = succeeded[0]?.stages.map(({ name }) => name) ?? [];
  return [
    single('reloads that succeeded', '', succeeded.length),
    single('reloads that were made to fail, and failed', '', records.length - succeeded.length),
    figure(
      'reload, 10 endpoints read again',
      'ms',
      succeeded.map(({ duration_ms }) => duration_ms),
    ),
    ...stages.map((stage) => figure(`reload, ${stage}`, 'ms', durationsOf(stage))),
  ];
}
