import { type Setting, type SettingName, SETTINGS } from '../settings/index.js';
import type { CommandEntry, Completion, OptionSpec } from './command/command.js';

const REPEATABLE: ReadonlySet<SettingName> = new Set(['envFiles']);
const FILES: ReadonlySet<SettingName> = new Set(['config', 'envFiles', 'adminSocket', 'adminProbeSocket', 'python']);

/** The command line options of these settings, as the table of settings declares them. */
function toOptions(names: readonly SettingName[]): readonly OptionSpec[] {
  return names.flatMap((name) => {
    const setting: Setting<unknown> = SETTINGS[name];
    if (setting.flag === undefined) return [];
    const completes = completionOf(name, setting);
    const option: OptionSpec = {
      flags: setting.flag,
      doc: setting.doc,
      repeatable: REPEATABLE.has(name),
      ...(completes === undefined ? {} : { completes }),
    };
    // `--admin` only switches on; this one overrides an environment that switches on.
    return name === 'admin' ? [option, { flags: '--no-admin', doc: 'Do not open the admin socket.' }] : [option];
  });
}

function completionOf(name: SettingName, { flag = '', kind }: Setting<unknown>): Completion | undefined {
  if (FILES.has(name)) return 'file';
  if (name === 'projectDir') return 'folder';
  if (name === 'profile') return 'profile';
  return flag.includes('<') ? kind.values : undefined;
}

// Object.keys loses the type of the keys.
const ALL_SETTINGS = Object.keys(SETTINGS) as readonly SettingName[];

/** Also accepted before the command: `mxcp -C ~/sales serve`. */
const WHERE_THE_PROJECT_IS = toOptions(['projectDir', 'config']);

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
const ADMIN_COMMANDS: readonly CommandEntry[] = [
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
      { usage: '[id]', doc: 'The id of a reload, or the word `cancel`.' },
      { usage: '[cancelled]', doc: 'After `cancel`, the id of the reload to cancel.' },
    ],
    options: [{ flags: '--limit <number>', doc: 'How many to list; default: 20.' }, ...CONNECTION],
    load: async () => (await import('./commands/admin/reloads.js')).reloads,
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

const JSON_OUTPUT: OptionSpec = { flags: '--json-output', doc: 'Print the result as JSON.' };
const PARAMETERS: OptionSpec = {
  flags: '-p, --param <name=value>',
  doc: 'A parameter; `name=@file.json` takes its value from a JSON file, `name=@@text` is a text that begins with `@`. Repeatable.',
  repeatable: true,
};
const PROJECT_SETTINGS = [...WHERE_THE_PROJECT_IS, ...toOptions(['profile', 'readonly', 'debug', 'envFiles'])];
const PYTHON = toOptions(['python']);
const HEADERS: OptionSpec = {
  flags: '--request-headers <json>',
  doc: 'Headers of the call, as a JSON object or `@file.json`.',
};

const EXPLAIN_POLICIES: CommandEntry = {
  name: 'explain',
  doc: 'Show which rule of an endpoint decides about a call, and what it reads, without making the call',
  arguments: [{ usage: '<name>', doc: 'The tool, resource or prompt.' }],
  options: [
    PARAMETERS,
    { flags: '-u, --user-context <json>', doc: 'The caller, as a JSON object or `@file.json`.' },
    { flags: '--response <json>', doc: 'The answer for output rules, as JSON or `@file.json`.' },
    ...WHERE_THE_PROJECT_IS,
    { flags: '--json', doc: 'Print the result as JSON.' },
  ],
  load: () => import('./commands/policy.js'),
};

/** Every command, in the order in which help lists them. */
export const COMMANDS: readonly CommandEntry[] = [
  {
    name: 'init',
    doc: 'Create a project that is ready to serve',
    arguments: [{ usage: '[folder]', doc: 'Folder to write to; default: the working directory.', completes: 'folder' }],
    options: [
      { flags: '--project <name>', doc: 'Name of the project; default: the name of the folder.' },
      { flags: '--profile <name>', doc: 'Name of the profile; default: `dev`.' },
      { flags: '--bootstrap', doc: 'Add an example resource and an example prompt.' },
      { flags: '--docker', doc: 'Add a Dockerfile and a Compose file, also to a project that exists.' },
      { flags: '--force', doc: 'Create it even inside another project; files are never overwritten.' },
      JSON_OUTPUT,
    ],
    examples: ['mxcp init sales', 'mxcp init --bootstrap .', 'mxcp init --docker sales'],
    load: () => import('./commands/init.js'),
  },
  {
    name: 'serve',
    doc: 'Serve a project to MCP clients',
    options: [
      ...toOptions(ALL_SETTINGS),
      { flags: '--json-output', doc: 'Report a failed start as JSON on standard output.' },
    ],
    examples: [
      'mxcp serve',
      'mxcp serve --transport stdio -C ~/sales',
      'mxcp serve --port 9000 --admin-socket ./mxcp.sock',
    ],
    load: () => import('./commands/serve.js'),
  },
  {
    name: 'dev',
    doc: 'Serve a project while you write it: every change of a file is applied at once',
    options: toOptions(ALL_SETTINGS),
    examples: ['mxcp dev', 'mxcp dev -C ~/sales --port 9000'],
    load: () => import('./commands/dev.js'),
  },
  {
    name: 'validate',
    doc: 'Check the configuration, references, endpoint files, their SQL and their Python functions',
    arguments: [
      {
        usage: '[path]',
        doc: 'Only the endpoint files at or under this path; default: the whole project.',
        completes: 'file',
      },
    ],
    options: [
      {
        flags: '--clients <names>',
        doc: 'Also report what these clients would refuse or change: `claude`, `openai`, `gemini`, `vscode`, `cursor`, separated by commas, or `all`.',
        completes: ['all', 'claude', 'openai', 'gemini', 'vscode', 'cursor'],
      },
      ...PROJECT_SETTINGS,
      ...PYTHON,
      JSON_OUTPUT,
    ],
    examples: ['mxcp validate', 'mxcp validate tools/sales.yml', 'mxcp validate --clients claude,openai'],
    load: () => import('./commands/validate.js'),
  },
  {
    name: 'lint',
    doc: 'Find what makes endpoints hard for models and strict clients to use',
    // As `list`, it opens nothing.
    options: [
      {
        flags: '--severity <level>',
        doc: 'The least severe findings to show: `error`, `warning`, `info` or `all`; default: `all`.',
        completes: ['all', 'error', 'warning', 'info'],
      },
      ...WHERE_THE_PROJECT_IS,
      ...toOptions(['profile', 'debug']),
      JSON_OUTPUT,
    ],
    examples: ['mxcp lint', 'mxcp lint --severity warning --json-output'],
    load: () => import('./commands/lint.js'),
  },
  {
    name: 'contract',
    doc: 'Write what clients see of the project to a file, or check that a change breaks no client',
    // As `list`, it opens nothing.
    options: [
      { flags: '--check', doc: 'Compare the project with the file; exit with 1 if a change would break clients.' },
      { flags: '--strict', doc: 'With `--check`, also exit with 1 if the file lacks changes that break no client.' },
      {
        flags: '-o, --output <file>',
        doc: 'The file; default: `mxcp-contract.json` of the project; `-` is standard output, with `--check` standard input.',
        completes: 'file',
      },
      ...WHERE_THE_PROJECT_IS,
      ...toOptions(['profile', 'debug', 'sqlTools']),
      JSON_OUTPUT,
      { flags: '--json', doc: 'The same as `--json-output`.' },
    ],
    examples: [
      'mxcp contract',
      'mxcp contract --check',
      'git show main:mxcp-contract.json | mxcp contract --check -o -',
    ],
    load: () => import('./commands/contract.js'),
  },
  {
    name: 'list',
    doc: 'List the endpoints of the project on disk, without opening a database',
    // It opens nothing and resolves no reference, so the other options of a project would have no effect.
    options: [
      { flags: '--profiles', doc: 'List the profiles of the project instead.' },
      ...WHERE_THE_PROJECT_IS,
      ...toOptions(['profile', 'debug']),
      JSON_OUTPUT,
    ],
    load: () => import('./commands/list.js'),
  },
  {
    name: 'run',
    doc: 'Call one endpoint of the project',
    arguments: [
      { usage: '<type>', doc: 'The kind of endpoint.', choices: ['tool', 'resource', 'prompt'] },
      { usage: '<name>', doc: 'Its name; for a resource also its URI or URI template.', completes: 'endpoint' },
    ],
    options: [
      PARAMETERS,
      { flags: '-u, --user-context <json>', doc: 'The caller, as a JSON object or `@file.json`.' },
      HEADERS,
      { flags: '--skip-output-validation', doc: 'Do not check the result against the `return` type.' },
      ...PROJECT_SETTINGS,
      ...PYTHON,
      ...toOptions(['callTimeout', 'maxResultBytes']),
      JSON_OUTPUT,
    ],
    examples: [
      'mxcp run tool hello -p name=Ada',
      'mxcp run resource sales://regions',
      `mxcp run tool whoami -u '{"username": "ada"}'`,
    ],
    load: () => import('./commands/run.js'),
  },
  {
    name: 'test',
    doc: 'Run the tests of endpoint files',
    arguments: [
      { usage: '[type]', doc: 'Only endpoints of this kind.', choices: ['tool', 'resource', 'prompt'] },
      {
        usage: '[name]',
        doc: 'Only the endpoint of this name; for a resource also its URI or URI template.',
        completes: 'endpoint',
      },
    ],
    options: [
      { flags: '-u, --user-context <json>', doc: 'The caller of all tests, instead of the `user_context` of each.' },
      HEADERS,
      ...PROJECT_SETTINGS,
      ...PYTHON,
      ...toOptions(['callTimeout', 'maxResultBytes']),
      JSON_OUTPUT,
    ],
    examples: ['mxcp test', 'mxcp test tool sales_by_region --readonly'],
    load: () => import('./commands/test.js'),
  },
  {
    name: 'query',
    doc: 'Run SQL on the database of the project',
    arguments: [{ usage: '[sql]', doc: 'The SQL; `-` reads it from standard input.' }],
    options: [
      { flags: '--file <path>', doc: 'Read the SQL from a file.', completes: 'file' },
      PARAMETERS,
      ...PROJECT_SETTINGS,
      JSON_OUTPUT,
    ],
    examples: ["mxcp query 'SELECT 42 AS answer'", 'mxcp query --file report.sql -p year=2026'],
    load: () => import('./commands/query.js'),
  },
  { name: 'policy', doc: 'Explain the policies of endpoints', subcommands: [EXPLAIN_POLICIES] },
  { name: 'admin', doc: 'Inspect and reload a running server over its admin socket', subcommands: ADMIN_COMMANDS },
  {
    name: 'completion',
    doc: 'Print the completion script of a shell',
    arguments: [{ usage: '<shell>', doc: 'The shell.', choices: ['bash', 'zsh', 'fish'] }],
    examples: [
      'source <(mxcp completion bash)',
      'mxcp completion zsh > "${fpath[1]}/_mxcp"',
      'mxcp completion fish > ~/.config/fish/completions/mxcp.fish',
    ],
    load: () => import('./commands/completion.js'),
  },
];

/** The command itself, with the options that are also accepted before a command. */
export const PROGRAM: CommandEntry = { name: 'mxcp', doc: '', options: WHERE_THE_PROJECT_IS, subcommands: COMMANDS };
