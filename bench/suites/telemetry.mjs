import { once } from 'node:events';
import { connect } from 'node:net';
import { fileURLToPath } from 'node:url';
import { MeasuredProcess } from '../measure/child-process.mjs';
import { interleave } from '../measure/interleave.mjs';
import { requireSuccess, runLoad } from '../measure/load.mjs';
import { get, modernCall } from '../measure/mcp-requests.mjs';
import { answersOk, freePort, MxcpServer } from '../measure/mxcp-server.mjs';
import { Project } from '../measure/project.mjs';
import { figure, ratio } from '../report/figure.mjs';

export const about = 'tools/call with the export to a collector, off and on, and with a reader of `GET /trace`';

const SINK = fileURLToPath(new URL('../baselines/otlp-sink.mjs', import.meta.url));
const CLIENTS = 4;

/** Off twice: the second one shows what the noise of this machine is. */
export async function run({ quick, profileArgs }) {
  const sink = await startSink();
  const servers = {
    off: await startServer(profileArgs),
    offAgain: await startServer(profileArgs),
    traces: await startServer(profileArgs, exporting(sink.port, 'none')),
    all: await startServer(profileArgs, exporting(sink.port, 'otlp')),
    sampled: await startServer(profileArgs, { ...exporting(sink.port, 'none'), ...ONE_IN_TEN }),
    followed: await startServer(profileArgs),
  };
  const reader = await follow(servers.followed.server.admin);
  try {
    return [...(await measureRecording(quick)), ...(await measureCalls(servers, quick))];
  } finally {
    reader.destroy();
    for (const { server, project } of Object.values(servers)) {
      await server.stop();
      project.remove();
    }
    await sink.process.stop();
  }
}

const ONE_IN_TEN = { OTEL_TRACES_SAMPLER: 'traceidratio', OTEL_TRACES_SAMPLER_ARG: '0.1' };

function exporting(port, others) {
  return {
    MXCP_TELEMETRY_ENABLED: 'true',
    OTEL_EXPORTER_OTLP_ENDPOINT: `http://localhost:${port}`,
    OTEL_METRICS_EXPORTER: others,
    OTEL_LOGS_EXPORTER: others,
    OTEL_METRIC_EXPORT_INTERVAL: '1000',
  };
}

async function startSink() {
  const port = await freePort();
  const process = new MeasuredProcess([SINK, String(port)]);
  await process.until(() => answersOk({ host: 'localhost', port }, get('/')));
  return { port, process };
}

async function startServer(nodeArgs, env = {}) {
  const project = new Project(10);
  const server = await MxcpServer.start(project, { nodeArgs, env });
  await server.ready();
  return { server, project };
}

/** Reads `GET /trace` and throws it away. */
async function follow(target) {
  const socket = connect(target).resume();
  await once(socket, 'connect');
  socket.write(get('/trace'));
  return socket;
}

async function measureCalls(servers, quick) {
  const seconds = quick ? 0.2 : 1;
  const loads = {};
  for (const [name, { server }] of Object.entries(servers)) {
    const requestOf = (client) => modernCall('sum', { a: 20, b: 22 }, client);
    const load = { target: server.mcp, process: server, requestOf, clients: CLIENTS };
    await runLoad({ ...load, seconds: 2 * seconds }); // warm-up
    loads[name] = () => runLoad({ ...load, seconds }).then(requireSuccess);
  }
  const samples = await interleave(quick ? 1 : 9, loads);
  const cpu = (name) => samples[name].map(({ cpuUs }) => cpuUs);
  return [
    figure('off: CPU per call', 'µs', cpu('off')),
    ratio('off again: CPU to off', cpu('offAgain'), cpu('off'), { aim: 1.05 }),
    ratio('a reader of /trace: CPU to off', cpu('followed'), cpu('off')),
    ratio('one call in ten traced: CPU to off', cpu('sampled'), cpu('off')),
    ratio('all calls traced: CPU to off', cpu('traces'), cpu('off'), { aim: 1.5 }),
    ratio('traces, metrics and logs: CPU to off', cpu('all'), cpu('off')),
  ];
}

const RECORDED_CALLS = 20_000;

/** What is done for each call, in one process without anything else: it is lost in the noise of a whole call. */
async function measureRecording(quick) {
  const load = (path) => import(new URL(`../../dist/${path}/index.js`, import.meta.url).href);
  const [{ Observers, CallTracer }, { OpenTelemetry }] = [await load('telemetry'), await load('opentelemetry')];
  const logger = { child: () => logger, warn: () => {}, info: () => {}, error: () => {} };
  const off = new Observers(logger);
  const followed = new Observers(logger);
  followed.add(new CallTracer({}, () => {}));
  const traced = new Observers(logger);
  const settings = { resourceAttributes: {}, traces: true, metrics: false, logs: false, metricsIntervalMs: 60_000 };
  const scrubber = { register: () => {}, scrub: (text) => text };
  const options = { settings, headers: () => ({}), isReadonly: () => true, logger, scrubber, version: '1' };
  // Nothing listens there, so the batches are made and thrown away.
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9' };
  const telemetry = new OpenTelemetry({ ...options, env, observers: traced, shutdownTimeoutMs: 0 });
  const figures = Object.entries({ off, 'a reader of /trace': followed, 'all calls traced': traced }).map(
    ([name, observers]) => {
      const rounds = Array.from({ length: quick ? 1 : 7 }, () => recordingCost(observers));
      return figure(`recording one call, ${name}`, 'µs', rounds);
    },
  );
  await telemetry.dispose();
  return figures;
}

/** The phases of an SQL tool. */
function recordingCost(observers) {
  const before = process.cpuUsage();
  for (let call = 0; call < RECORDED_CALLS; call += 1) {
    const timing = observers.timeCall(() => ({ kind: 'tool', name: 'sum', transport: 'http', requestId: call }));
    for (const phase of ['hold', 'bind', 'queue']) timing?.begin(phase).end();
    timing?.begin('duckdb', { statement: 'SELECT $a + $b AS total', parameters: 2 }).end();
    timing?.begin('check').end();
    timing?.end({ kind: 'tool', endpoint: 'sum', failure: undefined, durationMs: 1 });
    timing?.answered();
  }
  const { user, system } = process.cpuUsage(before);
  return (user + system) / RECORDED_CALLS;
}
