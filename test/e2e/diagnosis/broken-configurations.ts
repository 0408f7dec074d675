import type { Diagnosis } from './diagnosis.js';
import { SOUND_CONFIG, SITE } from '../../kit/projects/shop.js';

export const BROKEN_CONFIGURATIONS: readonly Diagnosis[] = [
  {
    broken: 'there is no project',
    command: 'serve',
    files: { 'mxcp-site.yml': null },
    says: ['no mxcp-site.yml in', 'or make one with `mxcp init`'],
  },
  {
    broken: 'a bracket in the site file is not closed',
    command: 'serve',
    files: { 'mxcp-site.yml': [...SITE.readonly, 'extensions: [json'] },
    says: ['mxcp-site.yml:7:13:', 'this bracket is not closed'],
  },
  {
    broken: 'a key of the site file is misspelt',
    command: 'serve',
    files: { 'mxcp-site.yml': SITE.readonly.map((line) => line.replace('readonly', 'read_only')) },
    says: ['mxcp-site.yml:6:34:', 'unknown key `read_only` in `profiles.dev.duckdb`; did you mean `readonly`?'],
  },
  {
    broken: 'the site file and an endpoint have mistakes',
    command: 'validate',
    files: {
      'mxcp-site.yml': [...SITE.readonly, 'sql_tool: { enabled: true }'],
      'tools/cost.yml': ['mxcp: 1', 'tool:', '  name: cost'],
    },
    says: [
      'mxcp-site.yml:7:1: unknown key `sql_tool`; did you mean `sql_tools`?',
      'tools/cost.yml:2:1: `tool.source` is missing',
    ],
  },
  {
    broken: 'a folder of endpoints has another name',
    command: 'serve',
    files: { 'mxcp-site.yml': [...SITE.readonly, 'paths: { tools: tolls }'] },
    says: ['mxcp-site.yml:7:17: `paths.tools`: the folder tolls does not exist; create it, or correct the name'],
  },
  {
    broken: 'a setting has the wrong type',
    command: 'serve',
    files: { 'mxcp-site.yml': SITE.readonly.map((line) => line.replace('true', 'yes-please')) },
    says: ['mxcp-site.yml:6:44:', '`profiles.dev.duckdb.readonly` must be true or false'],
  },
  {
    broken: 'the profile on the command line exists nowhere',
    command: 'serve',
    options: ['--profile', 'prod'],
    says: ['the profile `prod` (--profile)', 'known profiles are dev'],
  },
  {
    broken: 'the user configuration that MXCP_CONFIG names is not there',
    command: 'serve',
    env: { MXCP_CONFIG: 'confg.yml' },
    says: ['the configuration file confg.yml does not exist', 'create it, or correct --config (MXCP_CONFIG)'],
  },
  {
    broken: 'a secret is indented with a tab',
    command: 'serve',
    files: { 'config.yml': SOUND_CONFIG.map((line) => line.replace('            type', '\ttype')) },
    says: ['config.yml:8:1:', 'a tab is used for indentation; YAML allows only spaces'],
  },
  {
    broken: 'two variables are not set',
    command: 'serve',
    files: {
      'config.yml': SOUND_CONFIG.map((line) =>
        line.replace(/: \$\{PROXY.*/, ': ${PROXY_URL}').replace('file://feed-token', '${FEED_TOKEN}'),
      ),
    },
    says: [
      'config.yml:10:27: ${PROXY_URL}: not set in the environment; set it, or give it a default with `${PROXY_URL:-…}`',
      'config.yml:14:29: ${FEED_TOKEN}: not set',
      'secrets[1].parameters.BEARER_TOKEN',
    ],
  },
  {
    broken: 'the file of a secret is not there',
    command: 'validate',
    files: { 'feed-token': null },
    says: ['config.yml:14:29:', 'file://feed-token: there is no file feed-token; create it, or correct the reference'],
  },
  {
    broken: 'an env file is not there',
    command: 'serve',
    env: { MXCP_ENV_FILE: 'production.env' },
    says: [
      'production.env: the env file does not exist',
      'put a readable text file there, or correct --env-file (MXCP_ENV_FILE)',
    ],
  },
  {
    broken: 'a line of an env file has no sign',
    command: 'validate',
    files: { 'production.env': 'DB USER\nPASSWORD=x\n' },
    env: { MXCP_ENV_FILE: 'production.env' },
    says: [
      'production.env:1:1: this line is neither `NAME=value` nor a `#` comment; names may contain',
      'a value of several lines needs quotes',
    ],
  },
  {
    broken: 'a variable of the server has a value it cannot have',
    command: 'serve',
    env: { MXCP_READONLY: 'maybe' },
    says: ['MXCP_READONLY (--readonly) must be one of 1, true, yes, on, 0, false, no, off, not "maybe"'],
  },
  {
    broken: 'the socket may be used by everybody',
    command: 'serve',
    options: ['--admin-strict', '--admin-socket-mode', '0666'],
    says: ['--admin-socket-mode must not give everybody access', 'use 0660 with a group, or a probe socket'],
  },
  {
    broken: 'something that is no socket is at the path of the socket',
    command: 'serve',
    options: ['--admin-strict'],
    files: { 'mxcp.sock': 'not a socket' },
    says: ['mxcp.sock is a file, not a socket, and is left alone; move it away, or choose another path'],
  },
  {
    broken: 'the profile asks for scopes without authentication',
    command: 'serve',
    files: { 'config.yml': [...SOUND_CONFIG, '        auth: { authorization: { required_scopes: [a] } }'] },
    says: [
      'config.yml:15:51:',
      'this version cannot enforce scopes and does not serve without it; remove `required_scopes`',
    ],
  },
  {
    broken: 'the transport is one of the past',
    command: 'serve',
    files: { 'config.yml': [...SOUND_CONFIG, 'transport:', '  provider: sse'] },
    says: ['config.yml:16:13:', 'has no `sse` transport; use `streamable-http`'],
  },
  {
    broken: 'the database is not one',
    command: 'serve',
    files: { 'shop.duckdb': 'name,price\ntea,3\n' },
    says: [
      'mxcp-site.yml:6:21:',
      'cannot open database shop.duckdb:',
      'not a valid DuckDB database file',
      'put a DuckDB database there, or change `duckdb.path`',
    ],
  },
  {
    broken: 'the database is in memory',
    command: 'serve',
    files: {
      'mxcp-site.yml': SITE.readonly.map((line) => line.replace('shop.duckdb', '":memory:"')),
      'feed-token': null,
    },
    says: [
      'mxcp-site.yml:6:21: the path of the database must name a file; databases in memory',
      'config.yml:14:29: file://feed-token: there is no file feed-token',
    ],
  },
  {
    broken: 'the folder of the database cannot be made',
    command: 'serve',
    files: { 'mxcp-site.yml': SITE.readonly.map((line) => line.replace('shop.duckdb', 'config.yml/shop.duckdb')) },
    says: ['mxcp-site.yml:6:21:', 'database config.yml/shop.duckdb does not exist, and it is not created because'],
  },
  {
    broken: 'an extension does not exist',
    command: 'serve',
    files: { 'mxcp-site.yml': [...SITE.readonly, 'extensions: [spatail]'] },
    says: [
      'mxcp-site.yml:7:14:',
      'DuckDB extension "spatail" cannot be loaded',
      'install it on this machine first, or remove it from `extensions` in mxcp-site.yml',
    ],
  },
  {
    broken: 'DuckDB knows no such parameter of a secret',
    command: 'serve',
    files: { 'config.yml': SOUND_CONFIG.map((line) => line.replace('BEARER_TOKEN', 'BEARER_TOKN')) },
    says: [
      'config.yml:11:13:',
      'DuckDB refused secret "feed" of type http',
      "Unknown parameter 'bearer_tokn' for secret type 'http'",
      'correct the secret or remove it',
    ],
  },
];
