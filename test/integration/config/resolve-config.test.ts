import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { compareReferences, findRestartRequired, withReloadable } from '../../../src/config/index.js';
import { Secret } from '../../../src/secrets/index.js';
import { errorOf, loadProject, makeProject, userConfig } from '../../kit/projects/config-project.js';

const TWO_PROFILES = [
  'mxcp: 1',
  'project: shop',
  'profile: dev',
  'profiles:',
  '  dev: {duckdb: {path: dev.duckdb}}',
  '  prod: {duckdb: {path: data/prod.duckdb, readonly: true}}',
  '',
].join('\n');

/** Positions are looked up when they are needed. */
function withPosition<T extends { readonly declaredAt?: (() => unknown) | undefined }>(declared: T) {
  return { ...declared, declaredAt: declared.declaredAt?.() };
}

describe('the smallest project', () => {
  it('runs on defaults', async () => {
    const root = await makeProject({});
    expect(await loadProject(root)).toMatchObject({
      project: 'shop',
      profile: 'dev',
      projectRoot: root,
      configFiles: [join(root, 'mxcp-site.yml')],
      duckdb: { path: join(root, 'data/db-dev.duckdb'), readonly: false },
      paths: { tools: join(root, 'tools'), sql: join(root, 'sql') },
      transport: { provider: 'streamable-http', host: 'localhost', port: 8000, stateless: false },
      logging: { enabled: true, path: null, level: 'info', maxBytes: 10_485_760, backupCount: 5 },
      features: { auditLogging: false, telemetry: false },
      references: [],
      warnings: [],
    });
  });

  it('is deeply frozen', async () => {
    const config = await loadProject(await makeProject({ 'config.yml': userConfig('A: x', 'B: [1, {C: y}]') }));
    const parameters = config.secrets[0]?.parameters;
    expect([config, config.duckdb, config.secrets, parameters, parameters?.['B']].every(Object.isFrozen)).toBe(true);
  });

  it('takes sections with nothing below them as empty', async () => {
    const root = await makeProject({
      'mxcp-site.yml': 'mxcp: 1\nproject: shop\nprofile: dev\nsecrets:\nextensions: httpfs\ndbt:\nprofiles:\n  dev:\n',
      'config.yml': 'mxcp: 1\ntransport:\nprojects:\n  shop:\n    profiles:\n      dev:\n',
    });
    expect((await loadProject(root)).extensions.map(withPosition)).toMatchObject([
      { name: 'httpfs', declaredAt: { line: 5, column: 1 } },
    ]);
  });
});

describe('the profile', () => {
  it('is that of the flag, then of MXCP_PROFILE, then of the site file', async () => {
    const root = await makeProject({ 'mxcp-site.yml': TWO_PROFILES });
    const env = { MXCP_PROFILE: 'prod' };
    expect((await loadProject(root)).profile).toBe('dev');
    expect((await loadProject(root, { env })).profile).toBe('prod');
    expect((await loadProject(root, { env, flags: { profile: 'dev' } })).profile).toBe('dev');
  });

  it('gets the defaults and overrides, however it was chosen', async () => {
    const root = await makeProject({ 'mxcp-site.yml': TWO_PROFILES });
    const chosen = { MXCP_PROFILE: 'prod' };
    expect(withPosition((await loadProject(root, { env: chosen })).duckdb)).toEqual({
      path: join(root, 'data/prod.duckdb'),
      readonly: true,
      limits: { memoryBytes: expect.any(Number), tempBytes: 10_737_418_240 },
      declaredAt: { file: join(root, 'mxcp-site.yml'), line: 6, column: 25 },
    });
    const limits = { MXCP_DUCKDB_MEMORY_LIMIT: '2GiB', MXCP_DUCKDB_TEMP_LIMIT: '1GiB' };
    const env = { ...chosen, ...limits, MXCP_DUCKDB_PATH: 'other.duckdb', MXCP_READONLY: 'false' };
    expect(withPosition((await loadProject(root, { env })).duckdb)).toEqual({
      path: join(root, 'other.duckdb'),
      readonly: false,
      limits: { memoryBytes: 2_147_483_648, tempBytes: 1_073_741_824 },
      declaredAt: { file: 'MXCP_DUCKDB_PATH' },
    });
  });

  it('that was named and that neither file has is an error with the known ones', async () => {
    const root = await makeProject({ 'mxcp-site.yml': TWO_PROFILES });
    const error = await errorOf(loadProject(root, { env: { MXCP_PROFILE: 'prdo' } }));
    expect(error).toMatchObject({
      code: 'profile_unknown',
      message:
        'the profile `prdo` (MXCP_PROFILE) is in neither configuration file; known profiles are dev, prod; did you mean `prod`?',
    });
  });

  it('may be in the user configuration only', async () => {
    const root = await makeProject({ 'config.yml': 'mxcp: 1\nprojects: {shop: {profiles: {staging: {}}}}\n' });
    const config = await loadProject(root, { flags: { profile: 'staging' } });
    expect(config.duckdb.path).toBe(join(root, 'data/db-staging.duckdb'));
  });

  it('of the site file that looks misspelt is a warning', async () => {
    const root = await makeProject({ 'mxcp-site.yml': TWO_PROFILES.replace('profile: dev', 'profile: prdo') });
    expect((await loadProject(root)).warnings).toMatchObject([
      { line: 3, column: 10, message: expect.stringContaining('did you mean `prod`?') },
    ]);
  });
});

describe('names and references in unexpected places', () => {
  it('may be called as something that every object has', async () => {
    const root = await makeProject({
      'mxcp-site.yml': 'mxcp: 1\nproject: constructor\nprofile: toString\n',
      'config.yml': 'mxcp: 1\nprojects: {}\n',
    });
    expect((await loadProject(root)).profile).toBe('toString');
  });

  it.each(['projects: ${X}', 'projects: {shop: "${X}"}', 'projects: {shop: {profiles: {dev: {auth: "${X}"}}}}'])(
    'do not hide a protection: %s',
    async (line) => {
      const root = await makeProject({ 'config.yml': `mxcp: 1\n${line}\n` });
      const error = await errorOf(loadProject(root, { env: { X: 'x' } }));
      expect(error.message).toMatch(/config\.yml:2:\d+: `projects.*` must be a mapping/);
    },
  );
});

describe('configuration files', () => {
  it('that were named and are missing are an error; the usual one may be missing', async () => {
    const root = await makeProject({});
    const error = await errorOf(loadProject(root, { env: { MXCP_CONFIG: 'other.yml' } }));
    expect(error).toMatchObject({
      code: 'config_not_found',
      message: `the configuration file ${join(root, 'other.yml')} does not exist; create it, or correct --config (MXCP_CONFIG)`,
    });
  });

  it('that the active configuration was read from may not go missing, also the usual one, and may come later', async () => {
    const root = await makeProject({});
    const before = await loadProject(root);
    expect(before.configFiles).toEqual([join(root, 'mxcp-site.yml')]);
    const file = join(root, 'home/.mxcp/config.yml');
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, userConfig('A: x'));
    const running = withReloadable(before, await loadProject(root, { previous: before }));
    expect(running.configFiles).toEqual([join(root, 'mxcp-site.yml'), file]);
    await rm(file);
    const error = await errorOf(loadProject(root, { previous: running }));
    expect(error).toMatchObject({
      code: 'config_not_found',
      message: `the configuration file ${file} does not exist; the active configuration was read from it: put it back, or restart to run without it`,
      problems: [{ file }],
    });
    expect((await loadProject(root)).secrets).toEqual([]);
  });

  it('are found in the home folder', async () => {
    const root = await makeProject({ 'home/.mxcp/config.yml': userConfig('A: x') });
    expect((await loadProject(root)).secrets).toHaveLength(1);
  });

  it('that are folders or binary are an error', async () => {
    const root = await makeProject({ 'folder/x': '', 'binary.yml': new Uint8Array([0x6d, 0, 0x78]) });
    const folder = await errorOf(loadProject(root, { env: { MXCP_CONFIG: 'folder' } }));
    expect(folder.message).toContain(`${join(root, 'folder')}: the file is not a regular file but a folder`);
    const binary = await errorOf(loadProject(root, { env: { MXCP_CONFIG: 'binary.yml' } }));
    expect(binary.message).toContain('the file is not a text file');
  });
});

describe('secrets', () => {
  it('keep numbers and truth values and wrap every text', async () => {
    const root = await makeProject({ 'config.yml': userConfig('A: x', 'B: 5', 'C: no', 'D: {E: [y]}', 'F:') });
    const config = await loadProject(root);
    expect(config.secrets.map(withPosition)[0]).toEqual({
      name: 'db',
      type: 'postgres',
      declaredAt: { file: join(root, 'config.yml'), line: 7, column: 13 },
      parameters: { A: new Secret(''), B: 5, C: false, D: { E: [new Secret('')] } },
    });
    expect(config.secretValues.map((secret) => secret.reveal())).toEqual(['x', 'y']);
    expect(JSON.stringify(config)).not.toContain('"x"');
  });

  it('that the site file names and the profile lacks are a warning', async () => {
    const root = await makeProject({
      'mxcp-site.yml': 'mxcp: 1\nproject: shop\nprofile: dev\nsecrets: [db]\n',
      'config.yml': 'mxcp: 1\n',
    });
    expect((await loadProject(root)).warnings).toMatchObject([
      { line: 4, column: 11, message: 'the active profile of the user configuration has no secret `db`' },
    ]);
  });
});

describe('what an option or a variable says', () => {
  const noFile = async (): Promise<string> =>
    makeProject({ 'mxcp-site.yml': 'mxcp: 1\nproject: shop\nprofile: dev\n' });

  it('is reported under its name if it is refused, and no file is blamed', async () => {
    const root = await noFile();
    const sse = await errorOf(loadProject(root, { flags: { transport: 'sse' } }));
    expect(sse).toMatchObject({ code: 'feature_unavailable' });
    expect(sse.message).toContain('\n  --transport: this version has no `sse` transport; use `streamable-http`');
    const memory = await errorOf(loadProject(root, { env: { MXCP_DUCKDB_PATH: ':memory:' } }));
    expect(memory.message).toBe(
      'the configuration has a problem:\n  MXCP_DUCKDB_PATH: the path of the database must name a file; databases in memory or on other machines cannot be used',
    );
  });
});

describe('protections', () => {
  it('are switched on and off by a variable, as the audit log is', async () => {
    const root = await makeProject({
      'mxcp-site.yml': 'mxcp: 1\nproject: shop\nprofile: dev\nprofiles: {dev: {audit: {enabled: true}}}\n',
    });
    const path = join(root, 'audit/logs-dev.jsonl');
    expect(await loadProject(root)).toMatchObject({ audit: { enabled: true, redacts: true, log: { path } } });
    expect(await loadProject(root, { env: { MXCP_AUDIT_ENABLED: '0' } })).toMatchObject({ audit: { enabled: false } });
    const off = await makeProject({});
    expect(await loadProject(off, { env: { MXCP_AUDIT_ENABLED: 'yes' } })).toMatchObject({ audit: { enabled: true } });
  });

  it('that hide behind a reference are seen', async () => {
    const root = await makeProject({
      'config.yml':
        'mxcp: 1\nprojects: {shop: {profiles: {dev: {auth: {provider: "${AUTH}", authorization: {required_scopes: [a]}, github: {client_id: a, client_secret: b}}}}}}\n',
    });
    expect(await errorOf(loadProject(root, { env: { AUTH: 'none' } }))).toMatchObject({
      code: 'protection_unavailable',
    });
    await loadProject(root, { env: { AUTH: 'github' } });
  });

  it('of a profile that is not active do not matter', async () => {
    const root = await makeProject({
      'config.yml': 'mxcp: 1\nprojects: {shop: {profiles: {prod: {auth: {authorization: {required_scopes: [a]}}}}}}\n',
    });
    await loadProject(root);
  });
});

describe('a reload', () => {
  it('sees which references changed, and keeps the time of the last change', async () => {
    const root = await makeProject({
      'config.yml': userConfig('A: file://a', 'B: file://b', 'C: ${C:-c}'),
      a: 'one',
      b: 'one',
      d: 'new',
    });
    const before = await loadProject(root);
    await writeFile(join(root, 'b'), 'two');
    await writeFile(join(root, 'config.yml'), userConfig('A: file://a', 'B: file://b', 'D: file://d'));
    const after = await loadProject(root, { previous: before });
    expect(compareReferences(before.references, after.references).map(({ ref, outcome }) => [ref, outcome])).toEqual([
      ['${C}', 'removed'],
      ['file://a', 'unchanged'],
      ['file://b', 'changed'],
      ['file://d', 'added'],
    ]);
    expect(after.references[0]?.changedAt).toEqual(before.references[0]?.changedAt);
    expect(after.references[1]?.changedAt).toEqual(after.references[1]?.resolvedAt);
  });

  it('says which variables it cannot change, and no such thing of those in an env file', async () => {
    const root = await makeProject({ 'config.yml': userConfig('A: ${A}', 'B: ${B}'), 'b.env': 'B=two\n' });
    const options = { env: { A: 'one', B: 'one' }, flags: { envFiles: join(root, 'b.env') } };
    const before = await loadProject(root, options);
    const after = await loadProject(root, { ...options, previous: before });
    expect(compareReferences(before.references, after.references)).toMatchObject([
      {
        ref: '${A}',
        outcome: 'unchanged',
        note: expect.stringMatching(/^fixed for this process; put the variable into/),
      },
      { ref: '${B}', outcome: 'unchanged', note: undefined },
    ]);
  });

  it('applies secrets, and reports what only a restart applies without secret values', async () => {
    const root = await makeProject({
      'mxcp-site.yml': TWO_PROFILES,
      'config.yml': `${userConfig('A: one')}transport: {http: {host: "\${HOST:-localhost}", base_url: "https://u:p@x/"}}\n`,
    });
    const running = await loadProject(root);
    await writeFile(
      join(root, 'mxcp-site.yml'),
      TWO_PROFILES.replace('dev.duckdb', 'new.duckdb').replace('profile: dev', 'profile: prod'),
    );
    await writeFile(
      join(root, 'config.yml'),
      `${userConfig('A: two')}transport: {http: {host: "\${HOST:-localhost}", base_url: "https://u:q@y/", port: 9000}}\n`,
    );
    const onDisk = await loadProject(root, { previous: running, env: { HOST: '127.0.0.1' } });
    expect(findRestartRequired(running, onDisk)).toEqual([
      { setting: 'profile', running: 'dev', onDisk: 'prod' },
      { setting: 'profiles.dev.duckdb.path', running: join(root, 'dev.duckdb'), onDisk: join(root, 'new.duckdb') },
      { setting: 'transport.http.base_url', running: 'https://[secret]@x/', onDisk: 'https://[secret]@y/' },
      { setting: 'transport.http.host', running: '[secret]', onDisk: '[secret]' },
      { setting: 'transport.http.port', running: 8000, onDisk: 9000 },
    ]);
    const applied = withReloadable(running, onDisk);
    expect(applied.secrets).toEqual(onDisk.secrets);
    expect(applied.loadedAt).toBe(onDisk.loadedAt);
    expect(applied).toMatchObject({ profile: 'dev', duckdb: running.duckdb, transport: running.transport });
    expect(findRestartRequired(applied, onDisk)).toHaveLength(5);
  });

  it('reports nothing for a setting that a flag decides', async () => {
    const root = await makeProject({ 'config.yml': 'mxcp: 1\ntransport: {http: {port: 1}}\n' });
    const flags = { port: 9000 };
    const running = await loadProject(root, { flags });
    await writeFile(join(root, 'config.yml'), 'mxcp: 1\ntransport: {http: {port: 2}}\n');
    expect(findRestartRequired(running, await loadProject(root, { flags, previous: running }))).toEqual([]);
  });

  it('does not take the secrets away when the files moved on to another profile or project', async () => {
    const root = await makeProject({ 'config.yml': userConfig('A: x') });
    const previous = await loadProject(root);
    await writeFile(join(root, 'mxcp-site.yml'), 'mxcp: 1\nproject: store\nprofile: dev\n');
    expect((await loadProject(root, { previous })).secrets).toHaveLength(1);
    await writeFile(join(root, 'config.yml'), userConfig('A: x').replace('shop:', 'store:'));
    expect(await errorOf(loadProject(root, { previous }))).toMatchObject({ code: 'profile_unknown' });
    await writeFile(join(root, 'mxcp-site.yml'), 'mxcp: 1\nproject: store\nprofile: prod\n');
    expect(await errorOf(loadProject(root, { previous }))).toMatchObject({ code: 'profile_unknown' });
  });

  it('finds the project where it was, also when it was moved back', async () => {
    const root = await makeProject({ 'config.yml': userConfig('A: x') });
    const running = await loadProject(root);
    await mkdir(join(root, 'aside'));
    await rename(join(root, 'config.yml'), join(root, 'aside/config.yml'));
    const error = await errorOf(loadProject(root, { previous: running, env: { MXCP_CONFIG: 'config.yml' } }));
    expect(error.code).toBe('config_not_found');
    await rename(join(root, 'aside/config.yml'), join(root, 'config.yml'));
    expect(findRestartRequired(running, await loadProject(root, { previous: running }))).toEqual([]);
  });
});
