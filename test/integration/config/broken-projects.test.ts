import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { errorOf, loadProject, makeProject } from '../../kit/projects/config-project.js';

const FIXTURES = join(import.meta.dirname, '../../fixtures/projects');

/** What a person reads for each mistake: file, line, column, and how to fix it. */
const BROKEN_PROJECTS = [
  {
    project: 'both-files',
    code: 'config_invalid',
    problems: [
      'mxcp-site.yml:1:1: `profile` is missing',
      'mxcp-site.yml:3:1: unknown key `profil`; did you mean `profile`?',
      'config.yml:3:10: `logging.level` must be one of DEBUG, INFO, WARNING, ERROR, CRITICAL',
      'config.yml:4:14: `logging.max_bytes` must be at least 1',
      'config.yml:5:1: unknown key `transports`; did you mean `transport`?',
    ],
  },
  {
    project: 'feature-sse',
    code: 'feature_unavailable',
    problems: [
      "config.yml:3:13: this version has no `sse` transport; use `streamable-http`, which today's clients speak, or `stdio`",
    ],
  },
  {
    project: 'feature-plugin',
    code: 'feature_unavailable',
    problems: [
      'mxcp-site.yml:4:1: this version has no plugins, so endpoints that use them would fail; remove `plugin`',
    ],
  },
  {
    project: 'protection-auth',
    code: 'protection_unavailable',
    problems: [
      'config.yml:9:15: this version cannot enforce scopes and does not serve without it; remove `required_scopes`',
    ],
  },
  {
    project: 'reference-bad-port',
    code: 'config_invalid',
    problems: ['config.yml:4:11: `transport.http.port` must be a number'],
  },
  {
    project: 'reference-unset',
    code: 'reference_unresolved',
    problems: [
      'config.yml:10:25: ${FIXTURE_DB_PASSWORD}: not set in the environment; set it, or give it a default with `${FIXTURE_DB_PASSWORD:-…}` (used by `projects.shop.profiles.dev.secrets[0].parameters.PASSWORD` and `projects.shop.profiles.dev.secrets[0].parameters.HOST`)',
      'config.yml:12:21: file://secrets/no-such-file: there is no file secrets/no-such-file; create it, or correct the reference (used by `projects.shop.profiles.dev.secrets[0].parameters.USER`)',
      'config.yml:13:25: vault://secret/db#name: Vault is not enabled; set `vault.enabled` to true (used by `projects.shop.profiles.dev.secrets[0].parameters.DATABASE`)',
    ],
  },
  {
    project: 'site-alias-bomb',
    code: 'config_invalid',
    problems: ['mxcp-site.yml:7:33: aliases (`*name`) repeat too much of the file; write the values out'],
  },
  {
    project: 'site-alias-without-anchor',
    code: 'config_invalid',
    problems: ['mxcp-site.yml:2:10: this alias (`*name`) has no anchor (`&name`) before it'],
  },
  {
    project: 'site-attach',
    code: 'config_invalid',
    problems: [
      'mxcp-site.yml:5:41: `attach[0].path` contains a password; put it into a secret and name that in `secret`',
      'mxcp-site.yml:6:13: `attach[1].name` is also the name of `attach[0]`; choose another name',
      'mxcp-site.yml:7:68: `attach[2].readonly` must be true for a DuckDB file; only the database of the profile can be written',
      'mxcp-site.yml:8:13: `attach[3].name` is reserved; choose another name',
      'mxcp-site.yml:9:78: `attach[4].options.META_SECRET` cannot be an option; use the keys of the entry',
      'mxcp-site.yml:10:13: `attach[5].name` must be a name of letters, digits and underscores',
      'mxcp-site.yml:10:26: `attach[5].type` must be a name of letters, digits and underscores',
      'mxcp-site.yml:10:43: `attach[5].path` contains a password; put it into a secret and name that in `secret`',
    ],
  },
  {
    project: 'site-duplicate-key',
    code: 'config_invalid',
    problems: ['mxcp-site.yml:4:1: this key already exists in the same mapping; remove one of the two'],
  },
  {
    project: 'site-empty',
    code: 'config_invalid',
    problems: ['mxcp-site.yml:1:1: the file is empty; it needs at least `mxcp: 1`'],
  },
  {
    project: 'site-extension-repository',
    code: 'config_invalid',
    problems: ['mxcp-site.yml:7:11: `extensions[1].repo` must be one of community, core_nightly'],
  },
  {
    project: 'site-list',
    code: 'config_invalid',
    problems: ['mxcp-site.yml:1:1: the file must be a mapping (`key: value` lines)'],
  },
  {
    project: 'site-missing-folder',
    code: 'config_invalid',
    problems: [
      'mxcp-site.yml:5:10: `paths.tools`: the folder tolls does not exist; create it, or correct the name',
      'mxcp-site.yml:7:11: `paths.python`: the folder mxcp-site.yml is not a folder; create it, or correct the name',
    ],
  },
  { project: 'site-missing-project', code: 'config_invalid', problems: ['mxcp-site.yml:1:1: `project` is missing'] },
  {
    project: 'site-number-for-text',
    code: 'config_invalid',
    problems: ['mxcp-site.yml:2:10: `project` must be text (put it in quotes)'],
  },
  {
    project: 'site-open-bracket',
    code: 'config_invalid',
    problems: [
      'mxcp-site.yml:3:13: this bracket is not closed, or a line that belongs to it is not indented deeper than its key',
    ],
  },
  {
    project: 'site-tab',
    code: 'config_invalid',
    problems: ['mxcp-site.yml:5:1: a tab is used for indentation; YAML allows only spaces'],
  },
  {
    project: 'site-tag',
    code: 'config_invalid',
    problems: ['mxcp-site.yml:2:10: this tag (`!name`) is unknown or does not fit its value; remove it'],
  },
  {
    project: 'site-text-for-boolean',
    code: 'config_invalid',
    problems: ['mxcp-site.yml:7:17: `profiles.dev.duckdb.readonly` must be true or false'],
  },
  {
    project: 'site-two-documents',
    code: 'config_invalid',
    problems: ['mxcp-site.yml:4:1: the file holds more than one document; keep one and remove the `---` between them'],
  },
  {
    project: 'site-unknown-key',
    code: 'config_invalid',
    problems: ['mxcp-site.yml:4:1: unknown key `sql_tool`; did you mean `sql_tools`?'],
  },
  {
    project: 'site-unknown-nested-key',
    code: 'config_invalid',
    problems: ['mxcp-site.yml:7:7: unknown key `read_only` in `profiles.dev.duckdb`; did you mean `readonly`?'],
  },
  {
    project: 'site-version-in-quotes',
    code: 'config_invalid',
    problems: [
      'mxcp-site.yml:1:7: `mxcp` is text, as projects of an older format have it; move endpoint files into `tools/`, `resources/` and `prompts/`, then write `mxcp: 1` without quotes',
    ],
  },
  {
    project: 'site-version-two',
    code: 'config_invalid',
    problems: ['mxcp-site.yml:1:7: `mxcp` must be 1, the only version of the format, not 2'],
  },
  {
    project: 'user-and-references',
    code: 'config_invalid',
    problems: [
      'config.yml:4:11: ${FIXTURE_PORT}: not set in the environment; set it, or give it a default with `${FIXTURE_PORT:-…}` (used by `transport.http.port`)',
      'config.yml:6:3: unknown key `levl` in `logging`; did you mean `level`?',
      'config.yml:21:25: `projects.shop.profiles.dev.secrets[0].parameters.PASSWORD`: a variable must be `${NAME}` or `${NAME:-default}` with letters, digits and `_` in its name; for a literal `${` write `$${`',
      'config.yml:22:21: file://secrets/no-such-file: there is no file secrets/no-such-file; create it, or correct the reference (used by `projects.shop.profiles.dev.secrets[0].parameters.USER`)',
    ],
  },
  {
    project: 'user-env-type-secret',
    code: 'config_invalid',
    problems: [
      'config.yml:9:13: unknown key `key` in `projects.shop.profiles.dev.secrets[0]`; known keys are name, type, parameters',
    ],
  },
  {
    project: 'user-malformed-reference',
    code: 'config_invalid',
    problems: [
      'config.yml:10:25: `projects.shop.profiles.dev.secrets[0].parameters.PASSWORD`: a variable must be `${NAME}` or `${NAME:-default}` with letters, digits and `_` in its name; for a literal `${` write `$${`',
      'config.yml:11:21: `projects.shop.profiles.dev.secrets[0].parameters.USER`: a Vault reference must be `vault://<mount>/<path>#<key>`',
    ],
  },
  {
    project: 'user-port-too-high',
    code: 'config_invalid',
    problems: ['config.yml:4:11: `transport.http.port` must be at most 65535'],
  },
  {
    project: 'user-provider',
    code: 'config_invalid',
    problems: ['config.yml:3:13: `transport.provider` must be one of streamable-http, sse, stdio'],
  },
  {
    project: 'user-quote-closed-early',
    code: 'config_invalid',
    problems: [
      'config.yml:10:34: text is not allowed here; a quote or bracket before it may be closed too early, or quotes are missing',
    ],
  },
  {
    project: 'user-secret-without-type',
    code: 'config_invalid',
    problems: ['config.yml:7:13: `projects.shop.profiles.dev.secrets[0].type` is missing'],
  },
  {
    project: 'user-unknown-key',
    code: 'config_invalid',
    problems: ['config.yml:6:9: unknown key `secret` in `projects.shop.profiles.dev`; did you mean `secrets`?'],
  },
];

it('a configuration file larger than a person writes is refused before it is parsed', async () => {
  const root = await makeProject({ 'mxcp-site.yml': 'k: 1\n'.repeat(200_000) });
  const error = await errorOf(loadProject(root));
  expect(error.message.replaceAll(`${root}/`, '')).toBe(
    'the configuration has a problem:\n  mxcp-site.yml: the file is larger than 262144 bytes',
  );
  const user = await makeProject({ 'config.yml': `mxcp: 1\n${'#'.repeat(262_144)}` });
  expect((await errorOf(loadProject(user))).message).toContain('config.yml: the file is larger than 262144 bytes');
});

describe('a broken project is reported with what is wrong, where, and how to fix it', () => {
  it.each(BROKEN_PROJECTS)('$project', async ({ project, code, problems }) => {
    const root = join(FIXTURES, `${project}.bad`);
    const error = await errorOf(loadProject(root));
    expect(error.code).toBe(code);
    const [, ...lines] = error.message.split('\n');
    expect(lines.map((line) => line.trim().replaceAll(`${root}/`, ''))).toEqual(problems);
    expect(error.message).not.toContain('hunter2');
  });

  it('has a line in the table for every broken configuration', () => {
    const folders = readdirSync(FIXTURES).filter((name) =>
      /^(?:site|user|both|reference|protection|feature)-.*\.bad$/.test(name),
    );
    expect(folders.sort()).toEqual(BROKEN_PROJECTS.map(({ project }) => `${project}.bad`).sort());
  });
});
