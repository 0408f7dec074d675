import type { CommandEntry, OptionSpec } from './command.js';

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
