import { type SettingName, SETTINGS } from '../settings/index.js';
import { ADMIN_COMMANDS } from './admin-command-table.js';
import type { CommandEntry, OptionSpec } from './command/command.js';
import { LOG_CHOICES } from './command/log-choices.js';
import { toOptions, WHERE_THE_PROJECT_IS } from './setting-options.js';

// Object.keys loses the type of the keys.
const ALL_SETTINGS = Object.keys(SETTINGS) as readonly SettingName[];

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
  examples: [`mxcp policy explain employee -p id=1 -u '{"role": "guest"}'`],
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
      { flags: '--tokens', doc: 'Estimate how many tokens a model reads for each of them, the most expensive first.' },
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
      { flags: '--with-data', doc: 'Print images, audio and documents whole, bytes in base64.' },
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
  {
    name: 'log',
    doc: 'Show the audit log of the project, also beside a running server',
    options: [
      { flags: '--tool <name>', doc: 'Only calls of this tool.' },
      { flags: '--resource <uri>', doc: 'Only reads of this resource, by its URI or template as declared.' },
      { flags: '--prompt <name>', doc: 'Only this prompt.' },
      {
        flags: '--type <type>',
        doc: 'Only records of this type: `tool`, `resource`, `prompt`, `completion`, `request`, `admin`, `reload`, `auth` or `audit`.',
        completes: LOG_CHOICES.type,
      },
      { flags: '--user <id>', doc: 'Only calls of the user with this id.' },
      { flags: '--trace <id>', doc: 'Only calls of this trace.' },
      {
        flags: '--policy <decision>',
        doc: 'Only calls for which the policies decided `allow`, `deny` or `warn`.',
        completes: LOG_CHOICES.policy,
      },
      {
        flags: '--status <status>',
        doc: 'Only calls that ended with `success` or `error`.',
        completes: LOG_CHOICES.status,
      },
      { flags: '--since <time>', doc: 'Only the last `10s`, `5m`, `2h` or `1d`.' },
      { flags: '--limit <number>', doc: 'At most this many records, the newest; default: 100; exports have all.' },
      { flags: '--follow', doc: 'Then show records as they are written, until you press Ctrl-C.' },
      { flags: '--verify', doc: 'Check the hashes of all records instead: whether any was changed or is missing.' },
      { flags: '--export-csv <file>', doc: 'Write the records to a CSV file.', completes: 'file' },
      {
        flags: '--export-duckdb <file>',
        doc: 'Write the records to the table `logs` of a DuckDB database.',
        completes: 'file',
      },
      ...WHERE_THE_PROJECT_IS,
      ...toOptions(['profile', 'debug']),
      { flags: '--json', doc: 'Print the records as JSON.' },
    ],
    examples: [
      'mxcp log --since 1h --status error',
      'mxcp log --tool sales_by_region --follow',
      'mxcp log --export-duckdb audit.duckdb',
    ],
    load: () => import('./commands/log.js'),
  },
  {
    name: 'log-cleanup',
    doc: 'Remove files of the audit log whose records are all older than its retention',
    options: [
      { flags: '--dry-run', doc: 'Say what would be removed.' },
      ...WHERE_THE_PROJECT_IS,
      ...toOptions(['profile', 'debug']),
      { flags: '--json', doc: 'Print the result as JSON.' },
    ],
    load: () => import('./commands/log-cleanup.js'),
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
