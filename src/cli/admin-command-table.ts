import type { CommandEntry, OptionSpec } from './command/command.js';
import { toOptions, WHERE_THE_PROJECT_IS } from './setting-options.js';

const CONNECTION: readonly OptionSpec[] = [
  {
    flags: '--socket <path>',
    doc: 'The admin socket; default: MXCP_ADMIN_SOCKET, else /run/mxcp/mxcp.sock if it exists, else that of the server of the project.',
    completes: 'file',
  },
  ...WHERE_THE_PROJECT_IS,
  ...toOptions(['profile']),
  { flags: '--json', doc: 'Print the answer of the server as JSON.' },
  { flags: '--debug', doc: 'Show details of errors.' },
];

const QUESTIONS = [
  ['health', 'Show whether the process answers'],
  ['ready', 'Show whether calls would be served now, and if not, why'],
  ['status', 'Show version, uptime, endpoint counts, last reload and checks'],
  ['config', 'Show the active configuration, without secrets'],
  ['endpoints', 'List every endpoint file: served, disabled, or left out with its error'],
] as const;

const SYSTEM_PARTS = ['info', 'cpu', 'memory', 'disk', 'network', 'process'] as const;

/** `mxcp admin …`: each asks a running server one question. */
export const ADMIN_COMMANDS: readonly CommandEntry[] = [
  ...QUESTIONS.map(
    ([name, doc]): CommandEntry => ({
      name,
      doc,
      options: CONNECTION,
      load: async () => (await import('./commands/admin/questions.js'))[name],
    }),
  ),
  {
    name: 'reload',
    doc: 'Reload secrets, references and connections, and wait for the result',
    options: [
      { flags: '--definitions', doc: 'Also read the endpoint definitions again.' },
      { flags: '--dry-run', doc: 'Build and check a new configuration, then discard it.' },
      { flags: '--force', doc: 'Interrupt calls that block the reload instead of waiting for them.' },
      { flags: '--no-wait', doc: 'Request the reload and return at once.' },
      { flags: '--stages', doc: 'Show how long each stage took, also when the reload was quick.' },
      { flags: '--timeout <time>', doc: 'How long to wait for the result, at most 10m; default: 2m.' },
      ...CONNECTION,
    ],
    examples: ['mxcp admin reload', 'mxcp admin reload --dry-run --definitions'],
    load: async () => (await import('./commands/admin/reloads.js')).reload,
  },
  {
    name: 'reloads',
    doc: 'List the last reloads, or show one in full',
    arguments: [
      { usage: '[id]', doc: 'The id of a reload or its beginning, or the word `cancel`.' },
      { usage: '[cancelled]', doc: 'After `cancel`, the id of the reload to cancel, or its beginning.' },
    ],
    options: [{ flags: '--limit <number>', doc: 'How many to list; default: 20.' }, ...CONNECTION],
    load: async () => (await import('./commands/admin/reloads.js')).reloads,
  },
  {
    name: 'sessions',
    doc: 'List the people who have signed in at this server, or end their sessions',
    arguments: [
      { usage: '[action]', doc: '`end`, to end sessions.', choices: ['end'] },
      { usage: '[id]', doc: 'After `end`, the id of the session.' },
    ],
    options: [
      { flags: '--user <name>', doc: 'Only sessions of this user: a user id, a username or an address.' },
      { flags: '--all', doc: 'After `end`, the sessions of all users.' },
      { flags: '--limit <number>', doc: 'How many to list, at most 1000; default: 100.' },
      ...CONNECTION,
    ],
    examples: ['mxcp admin sessions --user ada', 'mxcp admin sessions end --user ada'],
    load: async () => (await import('./commands/admin/sessions.js')).sessions,
  },
  {
    name: 'loglevel',
    doc: 'Show the log level, or change it, with `--for` for a limited time',
    arguments: [
      {
        usage: '[level]',
        doc: '`debug`, `info`, `warn` or `error`; `default` for the configured one.',
        completes: ['debug', 'info', 'warn', 'error', 'default'],
      },
    ],
    options: [
      {
        flags: '--for <time>',
        doc: 'After this time, at most 24h, the configured level returns; default: until a restart.',
      },
      ...CONNECTION,
    ],
    examples: ['mxcp admin loglevel debug --for 10m', 'mxcp admin loglevel default'],
    load: async () => (await import('./commands/admin/questions.js')).loglevel,
  },
  {
    name: 'events',
    doc: 'Show events of the server as they happen, until you press Ctrl-C',
    options: [
      { flags: '--types <names>', doc: 'Only these events, separated by commas; `reload` means all of `reload.*`.' },
      { flags: '--since-id <id>', doc: 'Begin after the event with this id, as `--json` shows it.' },
      { flags: '--count <number>', doc: 'End after this many events.' },
      ...CONNECTION,
    ],
    examples: ['mxcp admin events', 'mxcp admin events --types reload,call.error --json'],
    load: () => import('./commands/admin/events.js'),
  },
  {
    name: 'trace',
    doc: 'Show each call as it is answered, and where its time went, until you press Ctrl-C',
    options: [
      { flags: '--endpoint <name>', doc: 'Only calls of this endpoint.' },
      { flags: '--slower-than <time>', doc: 'Only calls that took at least this long, such as `100ms`.' },
      { flags: '--errors', doc: 'Only calls that failed.' },
      { flags: '--count <number>', doc: 'End after this many calls.' },
      ...CONNECTION,
    ],
    examples: ['mxcp admin trace', 'mxcp admin trace --slower-than 100ms --count 10'],
    load: () => import('./commands/admin/trace.js'),
  },
  {
    name: 'metrics',
    doc: 'Show the metrics of the server; in a pipe as the text that Prometheus reads',
    arguments: [{ usage: '[prefix]', doc: 'Only metrics whose names begin with this.' }],
    options: CONNECTION,
    examples: ['mxcp admin metrics mxcp_calls', 'mxcp admin metrics m > mxcp.prom.new && mv mxcp.prom.new mxcp.prom'],
    load: async () => (await import('./commands/admin/metrics.js')).metrics,
  },
  {
    name: 'support',
    doc: 'Write an archive for a bug report: status, configuration, log and system, without secrets',
    options: [
      {
        flags: '-o, --output <file>',
        doc: 'The archive to write; default: `mxcp-support-<time>.tar.gz` in the working directory.',
        completes: 'file',
      },
      ...CONNECTION,
    ],
    examples: ['mxcp admin support', 'mxcp admin support -o support.tar.gz'],
    load: async () => (await import('./commands/admin/support.js')).support,
  },
  {
    name: 'system',
    doc: 'Show CPUs, memory, disks, network and the process of the server',
    arguments: [{ usage: '[part]', doc: 'Only this part.', choices: SYSTEM_PARTS }],
    options: CONNECTION,
    examples: ['mxcp admin system', 'mxcp admin system memory --json'],
    load: async () => (await import('./commands/admin/system.js')).system,
  },
  {
    name: 'drain',
    doc: 'Take the server out of rotation: it is not ready, refuses new calls, and finishes running ones',
    options: [
      {
        flags: '--wait <time>',
        doc: 'Wait until no call is left, at most 10m; exit with 4 if some still run after that time.',
      },
      ...CONNECTION,
    ],
    examples: ['mxcp admin drain --wait 30s'],
    load: async () => (await import('./commands/admin/questions.js')).drain,
  },
  {
    name: 'resume',
    doc: 'Bring a drained server back into rotation',
    options: CONNECTION,
    load: async () => (await import('./commands/admin/questions.js')).resume,
  },
];
