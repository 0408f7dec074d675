import type { CommandEntry, OptionSpec } from './kit/command.js';
import { ALL_SETTINGS, toSettingOptions } from './kit/setting-options.js';

const CONNECTION: readonly OptionSpec[] = [
  {
    flags: '--socket <path>',
    doc: 'The admin socket; default: MXCP_ADMIN_SOCKET, else /run/mxcp/mxcp.sock.',
    completes: 'file',
  },
  { flags: '--json', doc: 'Print what the server answered, as JSON.' },
  { flags: '--debug', doc: 'Show details of errors.' },
];

/** `mxcp admin …`: each is one question to a running server. */
export const ADMIN_COMMANDS: readonly CommandEntry[] = [
  {
    name: 'health',
    doc: 'Whether the process answers',
    options: CONNECTION,
    load: () => import('./commands/admin/health.js'),
  },
  {
    name: 'ready',
    doc: 'Whether calls would be served now, and if not, why',
    options: CONNECTION,
    load: () => import('./commands/admin/ready.js'),
  },
  {
    name: 'status',
    doc: 'Version, uptime, endpoint counts, last reload, checks',
    options: CONNECTION,
    load: () => import('./commands/admin/status.js'),
  },
  {
    name: 'config',
    doc: 'The configuration that serves, without secrets',
    options: CONNECTION,
    load: () => import('./commands/admin/config.js'),
  },
  {
    name: 'endpoints',
    doc: 'Every endpoint file: served, disabled, or left out with its error',
    options: CONNECTION,
    load: () => import('./commands/admin/endpoints.js'),
  },
  {
    name: 'reload',
    doc: 'Reload secrets, references and connections, and wait for the end',
    options: [
      { flags: '--definitions', doc: 'Read endpoint definitions again too.' },
      { flags: '--dry-run', doc: 'Build and check a candidate, then throw it away.' },
      { flags: '--force', doc: 'Interrupt calls that stand in the way instead of waiting for them.' },
      { flags: '--no-wait', doc: 'Only ask for the reload.' },
      { flags: '--timeout <time>', doc: 'How long to wait for the end, at most 10m; default: 2m.' },
      ...CONNECTION,
    ],
    examples: ['mxcp admin reload', 'mxcp admin reload --dry-run --definitions'],
    load: () => import('./commands/admin/reload.js'),
  },
  {
    name: 'reloads',
    doc: 'The last reloads, or one of them in full',
    arguments: [{ usage: '[id]', doc: 'The id of a reload.' }],
    options: [{ flags: '--limit <number>', doc: 'How many to list; default: 20.' }, ...CONNECTION],
    load: () => import('./commands/admin/reloads.js'),
  },
];

const JSON_OUTPUT: OptionSpec = { flags: '--json-output', doc: 'Answer as JSON on standard output.' };
const PARAMETERS: OptionSpec = {
  flags: '-p, --param <name=value>',
  doc: 'A parameter; `name=@file.json` takes its value from a JSON file. Repeatable.',
  repeatable: true,
};
const PROJECT_SETTINGS = toSettingOptions(['profile', 'readonly', 'debug', 'envFiles']);
const PYTHON = toSettingOptions(['python']);

/** Every command, in the order in which help lists them. */
export const COMMANDS: readonly CommandEntry[] = [
  {
    name: 'init',
    doc: 'Make a project that serves at once',
    arguments: [
      { usage: '[folder]', doc: 'Folder to write to; default: the working directory.', completes: 'folder' },
    ],
    options: [
      { flags: '--project <name>', doc: 'Name of the project; default: the name of the folder.' },
      { flags: '--profile <name>', doc: 'Name of its profile; default: `dev`.' },
      { flags: '--bootstrap', doc: 'Add examples of a resource and a prompt.' },
      JSON_OUTPUT,
    ],
    examples: ['mxcp init sales', 'mxcp init --bootstrap .'],
    load: () => import('./commands/init.js'),
  },
  {
    name: 'serve',
    doc: 'Serve the project of the working directory to MCP clients',
    options: [
      ...toSettingOptions(ALL_SETTINGS),
      { flags: '--json-output', doc: 'Report a start that fails as JSON on standard output.' },
    ],
    examples: [
      'mxcp serve',
      'mxcp serve --transport stdio',
      'mxcp serve --port 9000 --admin-socket ./mxcp.sock',
    ],
    load: () => import('./commands/serve.js'),
  },
  {
    name: 'validate',
    doc: 'Check configuration, references, endpoint files, their SQL and their Python functions, all at once',
    arguments: [
      {
        usage: '[path]',
        doc: 'Only the endpoint files at or under this path; default: the whole project.',
        completes: 'file',
      },
    ],
    options: [...PROJECT_SETTINGS, ...PYTHON, JSON_OUTPUT],
    examples: ['mxcp validate', 'mxcp validate tools/sales.yml'],
    load: () => import('./commands/validate.js'),
  },
  {
    name: 'list',
    doc: 'List the endpoints of the project as they stand on disk; no database is opened',
    // It opens nothing and resolves no reference, so the other options of a project would change nothing.
    options: [...toSettingOptions(['profile', 'debug']), JSON_OUTPUT],
    load: () => import('./commands/list.js'),
  },
  {
    name: 'run',
    doc: 'Call one endpoint without a server',
    arguments: [
      { usage: '<type>', doc: 'What it is.', choices: ['tool', 'resource', 'prompt'] },
      { usage: '<name>', doc: 'Its name; for a resource also its URI or URI template.' },
    ],
    options: [
      PARAMETERS,
      { flags: '-u, --user-context <json>', doc: 'Who calls, as a JSON object or `@file.json`.' },
      { flags: '--request-headers <json>', doc: 'Headers of the call, as a JSON object or `@file.json`.' },
      { flags: '--skip-output-validation', doc: 'Do not hold the result against the `return` type.' },
      ...PROJECT_SETTINGS,
      ...PYTHON,
      ...toSettingOptions(['callTimeout', 'maxResultBytes']),
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
  {
    name: 'admin',
    doc: 'Ask a running server, and reload it, over its admin socket',
    subcommands: ADMIN_COMMANDS,
  },
  {
    name: 'completion',
    doc: 'Print the completion script of a shell',
    arguments: [{ usage: '<shell>', doc: 'Which shell.', choices: ['bash', 'zsh', 'fish'] }],
    examples: [
      'source <(mxcp completion bash)',
      'mxcp completion zsh > "${fpath[1]}/_mxcp"',
      'mxcp completion fish > ~/.config/fish/completions/mxcp.fish',
    ],
    load: () => import('./commands/completion.js'),
  },
];
