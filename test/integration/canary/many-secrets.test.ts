import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { mapParallel } from '../../../src/lifecycle/index.js';
import { ChildServer } from '../../kit/child-server.js';
import { callText, connectTo } from '../../kit/mcp-client.js';
import { OtlpReceiver } from '../../kit/otlp-receiver.js';
import { pythonTool, sqlTool, TemporaryProject, userConfig } from '../../kit/projects/temporary-project.js';
import { ask, failure, follow, ROUTES } from './answers.js';
import { envFile, leaksIn } from './canaries.js';

const SECRETS = 1000;
const secretOf = (number: number): string =>
  `canary-${createHash('sha256').update(String(number)).digest('hex').slice(0, 16)}`;
const numbers = Array.from({ length: SECRETS }, (_, number) => number);

const CODE = [
  'import logging',
  '',
  'def shout(text):',
  "    print('printed', text)",
  "    logging.getLogger('shop').error('logged %s', text)",
  "    raise ValueError('raised ' + text)",
];
const TEXT = ['parameters: [{ name: text, type: string }]'];

const receiver = new OtlpReceiver();
let project: TemporaryProject;
let server: ChildServer;
let streams: readonly ReturnType<typeof follow>[];

beforeAll(async () => {
  await receiver.listen();
  project = new TemporaryProject({
    'service.env': envFile(Object.fromEntries(numbers.map((number) => [`S${number}`, secretOf(number)]))),
    'config.yml': [
      ...userConfig([
        'name: planted',
        'type: custom',
        'parameters:',
        ...numbers.map((number) => `  S${number}: "\${S${number}}"`),
      ]),
      '        telemetry:',
      '          enabled: true',
      `          endpoint: ${receiver.address}`,
      '          logs: { enabled: true }',
      'logging: { path: mxcp.log, level: DEBUG }',
    ],
    'python/code.py': CODE,
    'tools/raise.yml': sqlTool('raise', 'SELECT error($text) AS no', TEXT),
    'tools/shout.yml': pythonTool('shout', 'python/code.py', TEXT),
  });
  server = await ChildServer.start(project, {
    args: ['--debug', '--env-file', project.path('service.env'), '--access-log'],
    env: { OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json', OTEL_BSP_SCHEDULE_DELAY: '100', OTEL_BLRP_SCHEDULE_DELAY: '100' },
  });
  streams = ['/events', '/trace'].map((path) => follow(project, path));
});

afterAll(() => receiver.stop());

it(`${SECRETS} secrets that SQL and Python quote are in no answer, event, trace, metric, log or export`, async () => {
  const client = await connectTo(server.url);
  const failures = await mapParallel(numbers, 20, (number) => {
    const name = number % 2 === 0 ? 'raise' : 'shout';
    return failure(callText(client, name, { text: secretOf(number) }));
  });
  await client.close();
  const answers = await Promise.all(ROUTES.map((path) => ask(project, path)));
  project.write(
    'tools/raise.yml',
    sqlTool('raise', `SELECT '${numbers.map(secretOf).join(' ')}'::INTEGER AS no`, TEXT),
  );
  answers.push(await ask(project, '/reload?wait=20&definitions=true', 'POST'), await ask(project, '/reloads'));
  expect(answers.at(-2)).toMatch(/^500 /);

  await server[Symbol.asyncDispose]();

  const [events = '', trace = ''] = streams.map(({ text }) => text());
  expect(events).toContain('event: call.error\n');
  expect(trace.match(/^event: call$/gm)).toHaveLength(SECRETS);
  expect(receiver.refused).toEqual([]);
  expect(receiver.spans.length).toBeGreaterThan(SECRETS);
  expect(receiver.logs.length).toBeGreaterThan(0);
  const exported = JSON.stringify([receiver.spans, receiver.logs, receiver.metrics, receiver.resources]);
  const log = readFileSync(project.path('mxcp.log'), 'utf8');
  expect(log).toContain('printed');
  expect([...failures, ...answers, events, trace, exported, log, server.stderr].flatMap(leaksIn)).toEqual([]);
  project[Symbol.dispose]();
}, 60_000);
