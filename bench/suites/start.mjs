import { fileURLToPath } from 'node:url';
import { MeasuredProcess } from '../measure/child-process.mjs';
import { HttpConnection } from '../measure/http-connection.mjs';
import { interleave } from '../measure/interleave.mjs';
import { modernCall } from '../measure/mcp-requests.mjs';
import { MxcpServer } from '../measure/mxcp-server.mjs';
import { Project } from '../measure/project.mjs';
import { figure, ratio } from '../report/figure.mjs';

export const about = 'from the start of the process to the first answers, compared with bare Node';

const LIBRARIES = fileURLToPath(new URL('../baselines/load-libraries.mjs', import.meta.url));
const SIZES = [
  { name: '10 endpoints', endpoints: 10, aimMs: 500 },
  { name: '10 endpoints and Python', endpoints: 10, python: true },
  { name: '1000 endpoints', endpoints: 1000, aimMs: 1500 },
];

export async function run({ quick, profileArgs }) {
  const sizes = quick ? SIZES.filter(({ endpoints }) => endpoints === 10) : SIZES;
  const projects = sizes.map(buildProject);
  try {
    const samples = await interleave(quick ? 1 : 15, {
      node: startBareNode,
      libraries: loadLibraries,
      ...Object.fromEntries(projects.map((project, index) => [index, () => startServer(project, profileArgs)])),
    });
    return toFigures(samples, sizes);
  } finally {
    for (const project of projects) project.remove();
  }
}

function buildProject({ endpoints, python = false }) {
  const project = new Project(endpoints);
  if (python) project.addPythonTool();
  return project;
}

async function startBareNode() {
  return { readyMs: await new MeasuredProcess(['-e', '0']).end() };
}

async function loadLibraries() {
  const child = new MeasuredProcess([LIBRARIES]);
  const readyMs = await child.until(() => child.output.includes('loaded'));
  const { cpuMs } = child.tree();
  await child.stop();
  return { readyMs, cpuMs };
}

async function startServer(project, nodeArgs) {
  const server = await MxcpServer.start(project, { nodeArgs });
  try {
    const readyMs = await server.ready();
    const { cpuMs } = server.tree();
    const connection = await HttpConnection.open(server.mcp);
    const answer = await connection.send(modernCall('sum', { a: 1, b: 2 }));
    const answeredMs = performance.now() - server.startedAt;
    if (!answer.body.includes('"total":3')) throw new Error(`wrong answer: ${answer.body}`);
    connection.close();
    return { readyMs, answeredMs, cpuMs };
  } finally {
    await server.stop();
  }
}

function toFigures(samples, sizes) {
  const of = (variant, key) => samples[variant].map((sample) => sample[key]);
  const perSize = sizes.flatMap(({ name, aimMs }, index) => [
    figure(`${name}: /readyz`, 'ms', of(index, 'readyMs'), { aim: aimMs }),
    figure(`${name}: first tool answer`, 'ms', of(index, 'answeredMs'), { aim: aimMs }),
    figure(`${name}: CPU until ready`, 'ms', of(index, 'cpuMs')),
    ratio(`${name}: /readyz to bare Node`, of(index, 'readyMs'), of('node', 'readyMs')),
    ratio(`${name}: CPU to libraries`, of(index, 'cpuMs'), of('libraries', 'cpuMs')),
  ]);
  return [
    figure('bare Node: node -e 0', 'ms', of('node', 'readyMs')),
    figure('bare Node with DuckDB and the MCP SDK', 'ms', of('libraries', 'readyMs')),
    figure('bare Node with DuckDB and the MCP SDK: CPU', 'ms', of('libraries', 'cpuMs')),
    ...perSize,
  ];
}
