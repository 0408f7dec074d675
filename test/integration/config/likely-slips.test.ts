import { describe, expect, it } from 'vitest';
import { formatProblem } from '../../../src/errors/index.js';
import { Secret } from '../../../src/secrets/index.js';
import { errorOf, loadProject, makeProject, userConfig } from '../../kit/projects/config-project.js';

describe('secrets that queries would go without', () => {
  const warningsOf = async (site: string, user: string): Promise<readonly string[]> => {
    const root = await makeProject({ 'mxcp-site.yml': site, 'config.yml': user });
    const { warnings } = await loadProject(root);
    return warnings.map((warning) => formatProblem(warning).replace(`${root}/`, ''));
  };
  const site = 'mxcp: 1\nproject: shop\nprofile: dev\n';

  it('because their profile has another name are warned about once', async () => {
    const renamed = userConfig('A: x').replace('dev:', 'dve:');
    expect(await warningsOf(`${site}profiles: {dev: {}}\n`, renamed)).toEqual([
      'config.yml:4:5: the active profile `dev` is not among these profiles, so it has no secrets; known profiles are dve; did you mean `dve`?',
    ]);
    expect(await warningsOf(site, renamed)).toEqual([
      'mxcp-site.yml:3:10: the profile `dev` is in neither configuration file and runs on defaults; did you mean `dve`?',
    ]);
  });

  it('because their project has another name are warned about, if secrets are expected', async () => {
    const other = userConfig('A: x').replace('shop:', 'shops:');
    const message =
      'config.yml:2:1: the project `shop` of mxcp-site.yml is not among these projects, so it has no secrets; known projects are';
    expect(await warningsOf(site, other)).toEqual([`${message} shops; did you mean \`shops\`?`]);
    expect(await warningsOf(site, other.replace('shops:', 'bank:'))).toEqual([`${message} bank`]);
    expect(await warningsOf(site, 'mxcp: 1\nprojects:\n')).toEqual([]);
  });

  it('are not missed by a project without secrets in a file that was not named', async () => {
    const atHome = async (name: string, secrets: string): Promise<readonly unknown[]> => {
      const user = userConfig('A: x').replace('shop:', `${name}:`);
      const root = await makeProject({ 'mxcp-site.yml': `${site}${secrets}`, 'home/.mxcp/config.yml': user });
      return (await loadProject(root)).warnings;
    };
    expect(await atHome('bank', '')).toEqual([]);
    expect(await atHome('shops', '')).toHaveLength(1);
    expect(await atHome('bank', 'secrets: [db]\n')).toHaveLength(2);
  });

  it('because there is no user configuration are warned about with the place where it is expected', async () => {
    const root = await makeProject({ 'mxcp-site.yml': `${site}secrets: [db]\n` });
    expect((await loadProject(root)).warnings).toMatchObject([
      {
        line: 4,
        message: `there is no user configuration: ${root}/home/.mxcp/config.yml does not exist, and neither --config nor MXCP_CONFIG names another file; so the project has no secret \`db\``,
      },
    ]);
  });

  it('because DuckDB knows no such type are warned about, unless they are for code', async () => {
    const typed = (type: string): string => userConfig('A: x').replace('type: postgres', `type: ${type}`);
    expect(await warningsOf(site, typed('postgers'))).toEqual([
      'config.yml:8:19: DuckDB has no secrets of this type, so queries run without this one; did you mean `postgres`?',
    ]);
    for (const type of ['HTTP', 'python', 'custom', 'api']) expect(await warningsOf(site, typed(type))).toEqual([]);
  });
});

describe('texts that look like references', () => {
  const NAMED = '`${NAME}` is the form of a variable';

  it('are warned about where they are plain text, in the active profile', async () => {
    const parameters = [
      'SCOPE: https://$HOST/',
      'H: "{{ env.HOST }}"',
      'T: Bearer file://secrets/token',
      'P: P$SSW0RD',
    ];
    const root = await makeProject({
      'config.yml': `${userConfig(...parameters)}      prod: {secrets: [{name: x, type: custom, parameters: {A: $HOST}}]}\n`,
    });
    const at = 'config.yml';
    const key = 'projects.shop.profiles.dev.secrets[0].parameters';
    const { warnings, secrets } = await loadProject(root);
    expect(warnings.map((warning) => formatProblem(warning).replace(`${root}/`, ''))).toEqual([
      `${at}:10:22: \`${key}.SCOPE\` contains \`$\` with a name, which is not replaced here; ${NAMED}`,
      `${at}:11:18: \`${key}.H\` contains \`{{ … }}\`, which is not replaced here; ${NAMED}`,
      expect.stringContaining(`${at}:12:18: \`${key}.T\` contains a reference after other text`),
    ]);
    expect(JSON.stringify(secrets)).toContain('SCOPE');
  });

  it('are warned about in the plain part of a template, and in the value of a variable', async () => {
    const root = await makeProject({ 'config.yml': userConfig('A: ${A}/$HOST', 'B: ${B}', 'C: ${C}') });
    const { warnings } = await loadProject(root, { env: { A: '$HOST', B: 'file://x', C: '${A}' } });
    expect(warnings.map(({ message }) => message)).toEqual([
      expect.stringContaining('.A` contains `$` with a name'),
      expect.stringContaining('${B}: the value looks like a reference, and is used as it is'),
      expect.stringContaining('${C}: the value looks like a reference, and is used as it is'),
    ]);
  });

  it.each([
    ['profiles: {dev: {duckdb: {path: "${DB}"}}}', '`profiles.dev.duckdb.path`: ', ', or set MXCP_DUCKDB_PATH'],
    ['profiles: {dev: {duckdb: {path: $HOME/x.duckdb}}}', '`profiles.dev.duckdb.path`: ', ', or set MXCP_DUCKDB_PATH'],
    ['paths: {tools: "{{ tools }}"}', '`paths.tools`: ', ''],
    ['secrets: ["vault://kv/x#y"]', '`secrets[0]`: ', ''],
  ])('are refused in the site file: %s', async (line, key, remedy) => {
    const root = await makeProject({ 'mxcp-site.yml': `mxcp: 1\nproject: shop\nprofile: dev\n${line}\n` });
    const error = await errorOf(loadProject(root));
    expect(error).toMatchObject({ code: 'config_invalid' });
    expect(error.message).toContain(
      `${key}mxcp-site.yml has no references and no variables; write the value itself${remedy}`,
    );
  });

  it('may be part of a description in the site file', async () => {
    const site = 'mxcp: 1\nproject: shop\nprofile: dev\nsql_tools: {list_tables: {description: "of ${DB}"}}\n';
    expect((await loadProject(await makeProject({ 'mxcp-site.yml': site }))).warnings).toEqual([]);
  });

  it('are refused in MXCP_DUCKDB_PATH', async () => {
    const error = await errorOf(loadProject(await makeProject({}), { env: { MXCP_DUCKDB_PATH: '${DB}' } }));
    expect(error.message).toContain('MXCP_DUCKDB_PATH: the path of the database contains `${`, which is not replaced');
  });
});

describe('empty secrets', () => {
  it('are warned about: keys without a value, and variables without a default', async () => {
    const parameters = ['A:', 'B: ${B}', 'C: "${C:-}"', 'D: ""', 'E: ${B}${C:-}'];
    const root = await makeProject({ 'config.yml': userConfig(...parameters) });
    const { warnings } = await loadProject(root, { env: { B: '', C: '' } });
    expect(warnings.map(({ message }) => message)).toEqual([
      '`projects.shop.profiles.dev.secrets[0].parameters.A` has no value and is left out; give it one, or remove the key',
      expect.stringContaining('${B}: the variable is empty; write `${B:-}` if it may be'),
    ]);
  });
});

describe('numbers as secrets', () => {
  it('that would lose their form are warned about, and not quoted', async () => {
    const parameters = [
      'A: 1.10',
      'B: 0123',
      'C: [0x1F]',
      'D: 5432',
      'E: "1.10"',
      'F: 12345678901234567890',
      'G: -1.5',
    ];
    const root = await makeProject({ 'config.yml': userConfig(...parameters) });
    const { warnings, secrets } = await loadProject(root);
    const key = 'projects.shop.profiles.dev.secrets[0].parameters';
    expect(warnings.map(({ line, message }) => [line, message])).toEqual(
      [
        [10, `${key}.A`],
        [11, `${key}.B`],
        [12, `${key}.C[0]`],
      ].map(([line, path]) => [
        line,
        `\`${path}\` is a number and loses the form in which it is written; put it in quotes to keep that`,
      ]),
    );
    const { F } = secrets[0]?.parameters ?? {};
    expect(F instanceof Secret && F.reveal()).toBe('12345678901234567890');
  });
});

describe('secrets as a mapping', () => {
  it.each(['{partner: {type: http, parameters: {A: x}}}', '[{partner: {type: http}}]'])(
    'are one problem, which says how to write them: %s',
    async (secrets) => {
      const root = await makeProject({
        'config.yml': `mxcp: 1\nprojects:\n  shop:\n    profiles:\n      dev:\n        secrets: ${secrets}\n`,
      });
      expect((await errorOf(loadProject(root))).message.replace(`${root}/`, '')).toBe(
        'the configuration has a problem:\n  config.yml:6:9: `projects.shop.profiles.dev.secrets` must be a list; write the secret as `- name: partner`, with `type` and `parameters` below the name',
      );
    },
  );
});

describe('hosts and origins that may call', () => {
  const loadWith = async (key: string, values: readonly string[]): Promise<unknown> => {
    const http = JSON.stringify({ [key]: values });
    return loadProject(await makeProject({ 'config.yml': `mxcp: 1\ntransport: {http: ${http}}\n` }));
  };

  it('have to be something that a request can have', async () => {
    const hosts = ['http://x', '*', '*.example.com', 'x/y', 'fe80::1', 'x:port'];
    for (const host of hosts)
      expect((await errorOf(loadWith('allowed_hosts', ['ok.example', host]))).message).toMatch(
        /config\.yml:2:\d+: `transport\.http\.allowed_hosts\[1\]` must be a host as requests name it, like `app/,
      );
    const origins = ['app.example', '*', 'https://*.x', 'https://x/app', 'https://x:443', 'https://', 'a://x/y'];
    for (const origin of origins)
      expect((await errorOf(loadWith('allowed_origins', ['null', origin]))).message).toMatch(
        /config\.yml:2:\d+: `transport\.http\.allowed_origins\[1\]` must be an origin as browsers send it, like `https/,
      );
  });

  it('may be written as people write them', async () => {
    await loadWith('allowed_hosts', ['App.example', 'app_1.example:8000', '127.0.0.1', '[::1]:80']);
    await loadWith('allowed_origins', ['https://App.example/', 'http://x:3000', 'chrome-extension://abc', 'null']);
  });
});
