import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, homedir, tmpdir } from 'node:os';
import { loadAdminSettings, loadSettings, SETTINGS } from '../../../src/settings/index.js';
import type { SettingFlags } from '../../../src/settings/settings-table.js';
import { asOrdinaryUser } from '../../kit/ordinary-user.js';
import { TemporaryProject } from '../../kit/projects/temporary-project.js';

const root = mkdtempSync(join(tmpdir(), 'mxcp-settings-'));
beforeAll(() => {
  writeFileSync(join(root, 'mxcp-site.yml'), '');
  return () => rmSync(root, { recursive: true });
});

const load = (env: Record<string, string> = {}, flags: SettingFlags = {}) =>
  loadSettings({ flags, env: { HOME: '/home/ann', ...env }, cwd: root });

describe('settings without flags and variables', () => {
  it('have their documented defaults', () => {
    expect(load()).toEqual({
      accessLog: false,
      cwd: root,
      projectRoot: root,
      siteFile: join(root, 'mxcp-site.yml'),
      userConfigFile: '/home/ann/.mxcp/config.yml',
      userConfigNamed: false,
      envFiles: [],
      debug: false,
      ignoreErrors: false,
      duckdbMemoryLimit: expect.any(Number),
      duckdbTempLimit: 10_737_418_240,
      pythonWorkers: Math.max(2, Math.min(4, availableParallelism())),
      reloadDefinitions: false,
      watch: false,
      waitForSecretsMs: 0,
      maxConcurrentCalls: Math.max(8, Math.min(28, 4 * availableParallelism())),
      maxQueuedCalls: 1000,
      callTimeoutMs: 300_000,
      answerTimeoutMs: 600_000,
      maxResultBytes: 10_485_760,
      reloadRateLimit: 60,
      reloadResolveTimeoutMs: 10_000,
      reloadDrainTimeoutMs: 30_000,
      reloadHoldTimeoutMs: 1000,
      drainGraceMs: 0,
      shutdownTimeoutMs: 8000,
      metrics: true,
      logFormat: 'text',
      unknownVariables: [],
      namedBy: {},
      admin: { enabled: false, socketPath: '/run/mxcp/mxcp.sock', mode: 0o600, strict: false },
    });
  });

  it('are frozen', () => {
    expect(Object.isFrozen(load())).toBe(true);
  });
});

describe('variables', () => {
  it.each(['1', 'true', 'yes', 'on', 'TRUE', 'Yes', ' on '])('%j switches on', (value) => {
    expect(load({ MXCP_ADMIN_ENABLED: value }).admin.enabled).toBe(true);
  });

  it.each([
    ['9464', { host: '127.0.0.1', port: 9464 }],
    ['0.0.0.0:0', { host: '0.0.0.0', port: 0 }],
    ['metrics-1.example:65535', { host: 'metrics-1.example', port: 65_535 }],
    ['[::1]:9464', { host: '::1', port: 9464 }],
  ])('the address %s is understood', (value, address) => {
    expect(load({ MXCP_METRICS_LISTEN: value }).metricsListen).toEqual(address);
  });

  it.each(['host', 'host:', ':9464', '::1:9464', '127.0.0.1:65536', '[::1]', 'a b:1', '1:2:3'])(
    'the address %s is refused',
    (value) => {
      expect(() => load({ MXCP_METRICS_LISTEN: value })).toThrow(
        `MXCP_METRICS_LISTEN (--metrics-listen) must be an address and a port like 127.0.0.1:9464, or a port from 0 to 65535, not "${value}"`,
      );
    },
  );

  it.each(['0', 'false', 'no', 'off', 'OFF'])('%j switches off', (value) => {
    expect(load({ MXCP_READONLY: value }).readonly).toBe(false);
  });

  it('count as not set when they are empty', () => {
    expect(load({ MXCP_READONLY: '', MXCP_PORT: ' ', MXCP_PROFILE: '' })).toMatchObject({
      readonly: undefined,
      port: undefined,
      profile: undefined,
    });
  });

  it('are all refused at once, by name and with what is allowed', () => {
    expect(() => load({ MXCP_ADMIN_ENABLED: 'ture', MXCP_PORT: '80000', MXCP_ADMIN_SOCKET_MODE: '999' })).toThrow(
      [
        'MXCP_PORT (--port) must be a whole number from 0 to 65535, not "80000"',
        'MXCP_ADMIN_ENABLED (--admin) must be one of 1, true, yes, on, 0, false, no, off, not "ture"',
        'MXCP_ADMIN_SOCKET_MODE (--admin-socket-mode) must be an octal file mode like 0600, not "999"',
      ].join('\n'),
    );
  });

  it.each([
    ['python3.12', 'python3.12'],
    ['/usr/bin/python3', '/usr/bin/python3'],
    ['.venv/bin/python', join(root, '.venv/bin/python')],
    ['~/py/bin/python', join(homedir(), 'py/bin/python')],
  ])('MXCP_PYTHON=%s is looked up in PATH only when it is a bare name', (given, python) => {
    expect(load({ MXCP_PYTHON: given }).python).toBe(python);
  });

  it('without a meaning are reported with the nearest known one, except those for Python secrets', () => {
    const env = { MXCP_ADMIN_SOKET: 'x', MXCP_SECRET_DB_HOST: 'x', MXCP_DISABLE_ANALYTICS: '1', MXCP_ZZZZZZZZ: '' };
    expect(load(env).unknownVariables).toEqual([
      { name: 'MXCP_ADMIN_SOKET', nearest: 'MXCP_ADMIN_SOCKET' },
      { name: 'MXCP_ZZZZZZZZ', nearest: undefined },
    ]);
  });

  it('are all read: every documented one changes something or is refused', () => {
    const variables = Object.values(SETTINGS).flatMap((setting) => ('variable' in setting ? [setting.variable] : []));
    // Without `namedBy`, which says only that a variable was set.
    const effectOf = (env: Record<string, string>) => JSON.stringify({ ...load(env), namedBy: {} });
    const unchanged = variables.filter((variable) => {
      try {
        return ['1', 'off'].every((value) => effectOf({ [variable]: value }) === effectOf({}));
      } catch {
        // Refused, so it was read.
        return false;
      }
    });
    // Mode and group of the probe socket mean nothing without the socket.
    expect(unchanged).toEqual(['MXCP_ADMIN_PROBE_SOCKET_GROUP']);
  });

  it('of any text are understood or refused with `usage`, never anything else', () => {
    const names = Object.values(SETTINGS).flatMap((setting) => ('variable' in setting ? [setting.variable] : []));
    fc.assert(
      fc.property(fc.constantFrom(...names), fc.string(), (name, value) => {
        try {
          load({ [name]: value });
        } catch (error) {
          const code = name === 'MXCP_PROJECT_DIR' ? /^usage$|^project_not_found$/ : /^usage$/;
          expect(error).toMatchObject({
            code: expect.stringMatching(code),
            message: expect.stringMatching(`${name}|no mxcp-site.yml in`),
          });
        }
      }),
    );
  });
});

describe('flags', () => {
  it('win over variables', () => {
    const env = { MXCP_PROFILE: 'staging', MXCP_READONLY: '0', MXCP_PORT: '1', MXCP_ENV_FILE: 'a.env' };
    const settings = load(env, { profile: 'prod', readonly: true, port: '9000', envFiles: ['b.env', 'c.env'] });
    expect(settings).toMatchObject({
      profile: 'prod',
      namedBy: { profile: '--profile', readonly: '--readonly' },
      readonly: true,
      port: 9000,
      envFiles: [join(root, 'b.env'), join(root, 'c.env')],
    });
  });

  it('take times, sizes and numbers as text and as values', () => {
    expect(load({}, { callTimeout: '500ms', shutdownTimeout: 3, maxResultBytes: '1MiB', port: 0 })).toMatchObject({
      callTimeoutMs: 500,
      shutdownTimeoutMs: 3000,
      maxResultBytes: 1_048_576,
      port: 0,
    });
  });

  it('are refused when they are empty, all of them', () => {
    const flags = { profile: ' ', port: '', adminSocket: '', envFiles: ['a.env', ''] };
    expect(() => load({ MXCP_ADMIN_SOCKET: '/run/shop/a.sock' }, flags)).toThrow(
      ['--profile', '--env-file', '--port', '--admin-socket']
        .map((name) => `${name} must not be empty; give it a value, or leave it out`)
        .join('\n'),
    );
    expect(load({}, { envFiles: [] }).envFiles).toEqual([]);
  });

  it('are refused by the name they have on the command line', () => {
    expect(() => load({}, { callTimeout: 'long' })).toThrow(
      '--call-timeout must be a time like 500ms, 30s or 2m (a bare number is seconds), not "long"',
    );
  });
});

describe('paths', () => {
  it('of variables are relative to the working directory, also below the project root', async () => {
    const cwd = join(root, 'tools/deep');
    await mkdir(cwd, { recursive: true });
    const env = { MXCP_CONFIG: '../c.yml', MXCP_ENV_FILE: 'a.env:/etc/b.env', MXCP_DUCKDB_PATH: 'x.duckdb' };
    expect(loadSettings({ flags: {}, env, cwd })).toMatchObject({
      projectRoot: root,
      userConfigFile: join(root, 'tools/c.yml'),
      userConfigNamed: true,
      envFiles: [join(cwd, 'a.env'), '/etc/b.env'],
      duckdbPath: join(cwd, 'x.duckdb'),
    });
  });

  it('that only DuckDB understands stay as they are', () => {
    expect(load({ MXCP_DUCKDB_PATH: ':memory:' }).duckdbPath).toBe(':memory:');
  });

  it('outside a project are an error that says what to do', () => {
    expect(() => loadSettings({ flags: {}, env: {}, cwd: tmpdir() })).toThrow(
      /no mxcp-site\.yml in .* or any folder above/,
    );
  });

  it('are found from a folder that an option or a variable names', () => {
    const named = (flags: SettingFlags, env: Record<string, string>, cwd = '/') => loadSettings({ flags, env, cwd });
    const inside = join(root, 'tools');
    mkdirSync(inside, { recursive: true });
    expect(named({ projectDir: root }, {})).toMatchObject({ projectRoot: root, cwd: '/' });
    expect(named({ projectDir: inside }, { MXCP_PROJECT_DIR: '/nowhere' }).projectRoot).toBe(root);
    expect(named({}, { MXCP_PROJECT_DIR: root }).projectRoot).toBe(root);
    expect(named({ projectDir: '..' }, {}, inside).projectRoot).toBe(root);
    const options = named({ projectDir: root, config: 'c.yml', envFiles: ['a.env'] }, {}, '/etc');
    expect(options).toMatchObject({ userConfigFile: '/etc/c.yml', userConfigNamed: true, envFiles: ['/etc/a.env'] });
  });

  it('are not searched above a folder that is named and does not exist', () => {
    const named = (flags: SettingFlags, env: Record<string, string>) => () => loadSettings({ flags, env, cwd: root });
    const missing = join(root, 'tols');
    expect(named({ projectDir: 'tols' }, {})).toThrow(`--project-dir names "${missing}", which is not a folder`);
    expect(named({}, { MXCP_PROJECT_DIR: missing })).toThrow(
      `MXCP_PROJECT_DIR names "${missing}", which is not a folder`,
    );
  });

  it('below folders that this user may not read are found, or the folders are named', async () => {
    using project = new TemporaryProject({ 'private/x': '' });
    const cwd = project.path('private');
    project.chmod('.', 0o755);
    project.chmod('private', 0o000);
    const settings = await asOrdinaryUser(async () => loadSettings({ flags: {}, env: {}, cwd }));
    expect(settings.projectRoot).toBe(project.root);
    project.remove('mxcp-site.yml');
    await expect(asOrdinaryUser(async () => loadSettings({ flags: {}, env: {}, cwd }))).rejects.toMatchObject({
      code: 'project_not_found',
      message: expect.stringContaining(`(${cwd} may not be read by this user)`),
    });
  });
});

describe('the admin socket', () => {
  it('is switched on by a path on the command line, but not by one in the environment', () => {
    expect(load({}, { adminSocket: '/run/shop/a.sock' })).toMatchObject({
      admin: { enabled: true },
      namedBy: { adminSocket: '--admin-socket' },
    });
    expect(load({ MXCP_ADMIN_SOCKET: '/run/shop/a.sock' }).admin.enabled).toBe(false);
    expect(load({}, { adminSocket: '/run/shop/a.sock', admin: false }).admin.enabled).toBe(false);
  });

  it('refuses access for everybody, and the probe socket does not', () => {
    expect(() => load({ MXCP_ADMIN_SOCKET_MODE: '0666' })).toThrow(/MXCP_ADMIN_SOCKET_MODE must not give everybody/);
    const env = {
      MXCP_ADMIN_PROBE_SOCKET: '/run/shop/p.sock',
      MXCP_ADMIN_PROBE_SOCKET_MODE: '666',
      MXCP_ADMIN_PROBE_SOCKET_GROUP: 'mon',
    };
    expect(load(env).admin.probe).toEqual({ path: '/run/shop/p.sock', mode: 0o666, group: 'mon' });
  });

  it('and the probe socket need two paths', () => {
    expect(() => load({ MXCP_ADMIN_PROBE_SOCKET: '/run/mxcp/mxcp.sock' })).toThrow(/give them two paths/);
  });

  it('is found without a project', () => {
    const settings = loadAdminSettings({ flags: {}, env: { MXCP_ADMIN_SOCKET: '/run/shop/a.sock' }, cwd: tmpdir() });
    expect(settings.socketPath).toBe('/run/shop/a.sock');
  });

  it('is named to clients by an option of another name', () => {
    expect(() => loadAdminSettings({ flags: { adminSocket: '' }, env: {}, cwd: tmpdir() })).toThrow(
      /^--socket must not be empty/,
    );
  });
});
