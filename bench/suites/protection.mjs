import { interleave } from '../measure/interleave.mjs';
import { requireSuccess, runLoad } from '../measure/load.mjs';
import { modernCall } from '../measure/mcp-requests.mjs';
import { MxcpServer } from '../measure/mxcp-server.mjs';
import { ProtectedProject, TOKEN } from '../measure/protected-project.mjs';
import { figure, ratio } from '../report/figure.mjs';

export const about =
  'tools/call with authentication, policies, row filters, rate limits and the audit log, one by one and together';

const CLIENTS = 4;

/** Off twice: the second one shows what the noise of this machine is. */
const VARIANTS = {
  off: [],
  'off again': [],
  authentication: ['auth'],
  policies: ['policies'],
  'row filters': ['rows'],
  'rate limits': ['limits'],
  'audit log': ['audit'],
  'audit log with a window': ['auditWindow'],
  everything: ['auth', 'policies', 'rows', 'limits', 'audit'],
};

export async function run({ quick, profileArgs }) {
  const servers = {};
  try {
    for (const [name, protections] of Object.entries(VARIANTS))
      servers[name] = await startServer(protections, profileArgs);
    const samples = await measureCalls(servers, quick);
    const of = (name, key) => samples[name].map((sample) => sample[key]);
    const others = Object.keys(VARIANTS).filter((name) => name !== 'off');
    return [
      figure('off: CPU per call', 'µs', of('off', 'cpuUs')),
      figure('off: p50', 'ms', of('off', 'p50')),
      ...others.map((name) => ratio(`${name}: CPU to off`, of(name, 'cpuUs'), of('off', 'cpuUs'))),
      ...others.map((name) => ratio(`${name}: p50 to off`, of(name, 'p50'), of('off', 'p50'))),
    ];
  } finally {
    for (const { server, project } of Object.values(servers)) {
      await server.stop();
      project.remove();
    }
  }
}

async function startServer(protections, nodeArgs) {
  const project = await ProtectedProject.create(protections);
  const server = await MxcpServer.start(project, { nodeArgs });
  await server.ready();
  return { server, project };
}

async function measureCalls(servers, quick) {
  const seconds = quick ? 0.2 : 1;
  const requestOf = (client) => modernCall('orders', { first: 40 }, client, { authorization: `Bearer ${TOKEN}` });
  const loads = {};
  for (const [name, { server }] of Object.entries(servers)) {
    const load = { target: server.mcp, process: server, requestOf, clients: CLIENTS };
    await runLoad({ ...load, seconds: 2 * seconds }); // warm-up
    loads[name] = () => runLoad({ ...load, seconds }).then(requireSuccess);
  }
  return interleave(quick ? 1 : 9, loads);
}
