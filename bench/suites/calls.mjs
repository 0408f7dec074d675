import { fileURLToPath } from 'node:url';
import { MeasuredProcess } from '../measure/child-process.mjs';
import { HttpConnection } from '../measure/http-connection.mjs';
import { interleave } from '../measure/interleave.mjs';
import { requireSuccess, runLoad } from '../measure/load.mjs';
import { modernCall, openSession, sessionCall } from '../measure/mcp-requests.mjs';
import { answersOk, freePort, MxcpServer } from '../measure/mxcp-server.mjs';
import { Project } from '../measure/project.mjs';
import { figure, ratio } from '../report/figure.mjs';

export const about = 'tools/call over HTTP compared with a hand-written server with the SDK and DuckDB';

const BY_HAND = fileURLToPath(new URL('../baselines/sdk-by-hand.mjs', import.meta.url));
const CPU_AIM = 1.3;
const CLIENTS = [1, 4, 16];
const CALLS = [
  { name: 'small result', tool: 'sum', args: { a: 20, b: 22 } },
  { name: '100 rows', tool: 'rows', args: { first: 1 } },
];
const PROTOCOLS = {
  '2026-07-28': async () => modernCall,
  'session of 2025': async (target) => {
    const connection = await HttpConnection.open(target);
    const session = await openSession(connection);
    connection.close();
    return (tool, args, id) => sessionCall(session, tool, args, id);
  },
};

export async function run({ quick, profileArgs }) {
  const project = new Project(10);
  const server = await MxcpServer.start(project, { nodeArgs: profileArgs });
  const byHand = await startByHand('prepare');
  const keeping = await startByHand('keep');
  try {
    await server.ready();
    const sides = { mxcp: { target: server.mcp, process: server }, byHand, keeping };
    const figures = [];
    for (const each of combinations(quick)) figures.push(...(await measure(sides, each, quick)));
    return figures;
  } finally {
    await server.stop();
    await byHand.process.stop();
    await keeping.process.stop();
    project.remove();
  }
}

async function startByHand(statements) {
  const port = await freePort();
  const process = new MeasuredProcess([BY_HAND, String(port), statements]);
  const target = { host: 'localhost', port };
  await process.until(() => answersOk(target, modernCall('sum', { a: 1, b: 2 })));
  return { process, target };
}

function combinations(quick) {
  return Object.keys(PROTOCOLS).flatMap((protocol) =>
    CALLS.flatMap((call) => (quick ? [4] : CLIENTS).map((clients) => ({ protocol, call, clients }))),
  );
}

async function measure(sides, { protocol, call, clients }, quick) {
  const seconds = quick ? 0.2 : 1;
  const loads = {};
  for (const [name, side] of Object.entries(sides)) {
    const toRequest = await PROTOCOLS[protocol](side.target);
    const requestOf = (client) => toRequest(call.tool, call.args, client);
    const load = { ...side, requestOf, clients };
    await runLoad({ ...load, seconds: 2 * seconds }); // warm-up
    loads[name] = () => runLoad({ ...load, seconds }).then(requireSuccess);
  }
  const samples = await interleave(quick ? 1 : 7, loads);
  return toFigures(`${protocol}, ${call.name}, ${clients} client${clients === 1 ? '' : 's'}`, samples);
}

function toFigures(what, { mxcp, byHand, keeping }) {
  const of = (loads, key) => loads.map((load) => load[key]);
  return [
    figure(`${what}: CPU per call`, 'µs', of(mxcp, 'cpuUs')),
    ratio(`${what}: CPU to by hand`, of(mxcp, 'cpuUs'), of(byHand, 'cpuUs'), { aim: CPU_AIM }),
    ratio(`${what}: CPU to by hand with statements kept`, of(mxcp, 'cpuUs'), of(keeping, 'cpuUs')),
    figure(`${what}: p50`, 'ms', of(mxcp, 'p50')),
    ratio(`${what}: p50 to by hand`, of(mxcp, 'p50'), of(byHand, 'p50')),
    figure(`${what}: p99`, 'ms', of(mxcp, 'p99')),
    ratio(`${what}: p99 to by hand`, of(mxcp, 'p99'), of(byHand, 'p99')),
  ];
}
