import { execFileSync } from 'node:child_process';
import { chmod, mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { canHeal, failedReferences, Secret } from '../../../src/secrets/index.js';
import { compareReferences, type ResolvedConfig } from '../../../src/config/index.js';
import { parseYaml } from '../../../src/yaml/index.js';
import type { ReferenceResolver } from '../../../src/secrets/references/resolve-references.js';
import { findReferences } from '../../../src/secrets/references/resolve-references.js';
import { resolveReferences } from '../../../src/secrets/references/resolve-references.js';
import { asOrdinaryUser } from '../../kit/ordinary-user.js';
import { errorOf, loadProject, makeProject, userConfig } from '../../kit/projects/config-project.js';

function parameter(config: ResolvedConfig, name: string): unknown {
  const value = config.secrets[0]?.parameters[name];
  return value instanceof Secret ? value.reveal() : value;
}

async function resolveOne(written: string, env: Record<string, string> = {}, files: Record<string, string> = {}) {
  const root = await makeProject({ ...files, 'config.yml': userConfig(`VALUE: ${written}`) });
  return parameter(await loadProject(root, { env }), 'VALUE');
}

describe('a variable', () => {
  it.each([
    ['${PW}', { PW: 'x' }, 'x'],
    ['a-${PW}-${PW}', { PW: 'x' }, 'a-x-x'],
    ['${PW:-d}', {}, 'd'],
    ['${PW:-d}', { PW: '' }, 'd'],
    ['${PW}', { PW: '' }, ''],
    ['$${PW}', {}, '${PW}'],
    ['${PW}', { PW: '${OTHER}' }, '${OTHER}'],
    ['${PW}', { PW: 'file://no-such-file' }, 'file://no-such-file'],
  ])('in %s with %j gives %j', async (written, env, expected) => {
    expect(await resolveOne(`"${written}"`, env)).toBe(expected);
  });

  it('comes from the last env file that has it, then from the environment', async () => {
    const root = await makeProject({
      'a.env': 'ONE=a1\nTWO="a 2"\n',
      'b.env': 'TWO=b2 # note\n',
      'config.yml': userConfig('ONE: ${ONE}', 'TWO: ${TWO}', 'THREE: ${THREE}'),
    });
    const env = { MXCP_ENV_FILE: 'a.env:b.env', ONE: 'p1', TWO: 'p2', THREE: 'p3' };
    const config = await loadProject(root, { env });
    expect(['ONE', 'TWO', 'THREE'].map((name) => parameter(config, name))).toEqual(['a1', 'b2', 'p3']);
    expect(config.references.map(({ ref, source }) => [ref, source])).toEqual([
      ['${ONE}', 'env_file'],
      ['${TWO}', 'env_file'],
      ['${THREE}', 'process_env'],
    ]);
  });

  it.each([
    ['another default', 'changed', [['${PW:-a}'], ['${PW:-b}']], [{}, {}]],
    ['another default that does not count', 'unchanged', [['${PW:-a}'], ['${PW:-b}']], [{ PW: 'x' }, { PW: 'x' }]],
    ['the default as its value', 'unchanged', [['${PW:-a}'], ['${PW:-a}']], [{}, { PW: 'a' }]],
    ['nothing for a value', 'changed', [['${PW:-a}'], ['${PW:-a}']], [{ PW: 'x' }, { PW: '' }]],
    ['a default for nothing', 'changed', [['${PW}'], ['${PW:-a}']], [{ PW: '' }, { PW: '' }]],
    ['one more place', 'unchanged', [['${PW:-a}'], ['${PW:-a}', '${PW:-a}']], [{}, {}]],
    ['one more default', 'changed', [['${PW:-a}'], ['${PW:-a}', '${PW:-b}']], [{}, {}]],
    [
      'exchanged defaults',
      'changed',
      [
        ['${PW:-a}', '${PW:-b}'],
        ['${PW:-b}', '${PW:-a}'],
      ],
      [{}, {}],
    ],
    ['other text around it', 'unchanged', [['${PW:-a}'], ['x${PW:-a}']], [{}, {}]],
  ] as const)('with %s is %s', async (_what, outcome, [before, after], [env, newEnv]) => {
    const written = (values: readonly string[]) =>
      userConfig(...values.map((value, index) => `VALUE${index}: "${value}"`));
    const root = await makeProject({ 'config.yml': written(before) });
    const previous = await loadProject(root, { env });
    await writeFile(join(root, 'config.yml'), written(after));
    const config = await loadProject(root, { env: newEnv, previous });
    const [was, is] = [previous, config].map(({ references }) => references);
    expect(compareReferences(was ?? [], is ?? [])).toMatchObject([{ ref: '${PW}', outcome }]);
    expect(is?.[0]?.changedAt === was?.[0]?.changedAt).toBe(outcome === 'unchanged');
  });

  it('that another profile uses may be unset', async () => {
    const root = await makeProject({
      'config.yml':
        'mxcp: 1\nprojects: {shop: {profiles: {prod: {secrets: [{name: a, type: s3, parameters: {K: "${UNSET}"}}]}}}}\n',
    });
    expect((await loadProject(root)).references).toEqual([]);
  });

  it('gives a number where a number is expected', async () => {
    const root = await makeProject({
      'config.yml': 'mxcp: 1\ntransport: {http: {port: "${PORT}", stateless: "${STATELESS}"}}\n',
    });
    const config = await loadProject(root, { env: { PORT: '9100', STATELESS: 'true' } });
    expect(config.transport).toMatchObject({ port: 9100, stateless: true });
  });
});

describe('env files', () => {
  it('that are missing or no files are named, all of them', async () => {
    const root = await makeProject({ 'folder/x': '' });
    const error = await errorOf(
      loadProject(root, { flags: { envFiles: ['no.env', 'folder', '/proc/self/mem', '/dev/zero'] } }),
    );
    expect(error.message.replaceAll(root, '')).toBe(
      [
        'the env files have 4 problems:',
        '  /no.env: the env file does not exist; put a readable text file there, or correct --env-file (MXCP_ENV_FILE)',
        '  /folder: the env file is not a regular file but a folder; put a readable text file there, or correct --env-file (MXCP_ENV_FILE)',
        '  /proc/self/mem: the env file is not a regular file; put a readable text file there, or correct --env-file (MXCP_ENV_FILE)',
        '  /dev/zero: the env file is not a regular file; put a readable text file there, or correct --env-file (MXCP_ENV_FILE)',
      ].join('\n'),
    );
  });

  it('with invalid lines are refused; every line is reported by its position and none is quoted', async () => {
    const root = await makeProject({
      'a.env': 'PW=first\nhunter2 hunter2\nPW=new\n',
      'b.env': '# hunter2\nQUOTED="hunter2\nOTHER=x\nhunter2',
      'config.yml': userConfig('VALUE: ${PW}'),
    });
    const flags = { envFiles: ['a.env', 'none.env', 'b.env'] };
    const error = await errorOf(loadProject(root, { flags, env: { PW: 'hunter2-old' } }));
    expect(error).toMatchObject({ code: 'config_invalid' });
    expect(canHeal(error)).toBe(false);
    expect(error.message.replaceAll(`${root}/`, '').split('\n')).toEqual([
      'the env files have 4 problems:',
      expect.stringMatching(/^ {2}a\.env:2:1: this line is neither `NAME=value` nor a `#` comment; /),
      expect.stringMatching(/^ {2}none\.env: the env file does not exist; /),
      expect.stringMatching(/^ {2}b\.env:2:8: this quote is not closed; /),
      expect.stringMatching(/^ {2}b\.env:4:1: this line is neither/),
    ]);
    expect(error.message).not.toContain('hunter2');
  });

  it('are read again at every resolve', async () => {
    const root = await makeProject({ 'a.env': 'PW=one', 'config.yml': userConfig('VALUE: ${PW}') });
    const flags = { envFiles: ['a.env'] };
    expect(parameter(await loadProject(root, { flags }), 'VALUE')).toBe('one');
    await writeFile(join(root, 'a.env'), 'PW=two');
    expect(parameter(await loadProject(root, { flags }), 'VALUE')).toBe('two');
  });
});

describe('a file reference', () => {
  it('is read beside the configuration file, without the white space around it', async () => {
    expect(await resolveOne('file://secrets/pw', {}, { 'secrets/pw': '\uFEFF\n  x y \n\n' })).toBe('x y');
  });

  it('is looked for in the working directory next', async () => {
    const root = await makeProject({ 'etc/config.yml': userConfig('VALUE: file://pw'), pw: 'from-cwd' });
    const config = await loadProject(root, { env: { MXCP_CONFIG: 'etc/config.yml' } });
    expect(parameter(config, 'VALUE')).toBe('from-cwd');
  });

  it('to an empty file is a warning', async () => {
    const root = await makeProject({ 'config.yml': userConfig('VALUE: file://pw'), pw: '\n' });
    const config = await loadProject(root);
    expect(config.warnings).toMatchObject([
      { line: 10, column: 22, message: expect.stringContaining('file://pw: the file is empty') },
    ]);
  });

  it.each([
    ['a folder', async (path: string) => void (await mkdir(path)), 'is not a regular file but a folder'],
    ['a pipe', async (path: string) => void execFileSync('mkfifo', [path]), 'is not a regular file'],
    ['a device', async (path: string) => symlink('/dev/zero', path), 'is not a regular file'],
    ['a file of the kernel', async (path: string) => symlink('/proc/self/mem', path), 'is not a regular file'],
    ['a circle of links', async (path: string) => symlink(path, path), 'is a symbolic link that leads in a circle'],
    ['binary', async (path: string) => writeFile(path, Buffer.from([1, 0, 2])), 'is not a text file'],
    ['Latin-1', async (path: string) => writeFile(path, Buffer.from([0x70, 0xe9])), 'is not UTF-8 text'],
    ['too large', async (path: string) => writeFile(path, 'x'.repeat(1_048_577)), 'is larger than 1048576 bytes'],
  ])('to %s is a clear error', async (_what, make, reason) => {
    const root = await makeProject({ 'config.yml': userConfig('VALUE: file://pw') });
    await make(join(root, 'pw'));
    const error = await errorOf(loadProject(root));
    expect(error.code).toBe('reference_unresolved');
    expect(error.message).toContain(`config.yml:10:22: file://pw: ${join(root, 'pw')} ${reason} (used by`);
  });

  it.each(['/proc/self/mem', '/proc/kallsyms', '/dev/kmsg', '/dev/zero', '/tmp'])(
    'to %s, which is not a regular file, is an error with its name, and so is such an env file',
    async (path) => {
      const reason = path === '/tmp' ? 'is not a regular file but a folder' : 'is not a regular file';
      const root = await makeProject({ 'config.yml': userConfig(`A: file://${path}`) });
      const error = await errorOf(loadProject(root));
      expect(error.message).toContain(`file://${path}: ${path} ${reason} (used by`);
      const inEnvFile = await errorOf(loadProject(root, { flags: { envFiles: path } }));
      expect(inEnvFile.message).toContain(`${path}: the env file ${reason}; put a readable text file there`);
    },
  );

  it('to a file that this user may not read is a clear error', async () => {
    const root = await makeProject({ 'config.yml': userConfig('VALUE: file://pw'), pw: 'x' });
    await Promise.all([chmod(root, 0o755), chmod(join(root, 'pw'), 0o000)]);
    const error = await asOrdinaryUser(() => errorOf(loadProject(root)));
    expect(error.message).toContain(`file://pw: ${join(root, 'pw')} may not be read by this user`);
  });
});

describe('resolving', () => {
  it('names every reference without a value and what uses it, and no other value', async () => {
    const root = await makeProject({
      'config.yml': userConfig('A: ${UNSET}', 'B: x-${UNSET}', 'C: file://none', 'D: op://v/i/f', 'E: ${SET}'),
    });
    const error = await errorOf(loadProject(root, { env: { SET: 'hunter2-hunter2' } }));
    const path = 'projects.shop.profiles.dev.secrets[0].parameters';
    expect(failedReferences(error)).toEqual([
      {
        ref: '${UNSET}',
        usedBy: [`${path}.A`, `${path}.B`],
        error: 'not set in the environment; set it, or give it a default with `${UNSET:-…}`',
        canHeal: false,
      },
      {
        ref: 'file://none',
        usedBy: [`${path}.C`],
        error: `there is no file ${join(root, 'none')}; create it, or correct the reference`,
        canHeal: true,
      },
      {
        ref: 'op://v/i/f',
        usedBy: [`${path}.D`],
        error: '1Password is not enabled; set `onepassword.enabled` to true',
        canHeal: false,
      },
    ]);
    expect(error.message).not.toContain('hunter2');
  });

  it('never shows a value that does not fit its setting', async () => {
    const root = await makeProject({ 'config.yml': 'mxcp: 1\ntransport: {http: {port: "${PORT}"}}\n' });
    const error = await errorOf(loadProject(root, { env: { PORT: 'hunter2-hunter2' } }));
    expect(error.message).toContain('config.yml:2:26: `transport.http.port` must be a number');
    expect(error.message).not.toContain('hunter2');
  });

  it('ends when it is cancelled', async () => {
    const root = await makeProject({ 'config.yml': userConfig('VALUE: file://pw'), pw: 'x' });
    const error = await errorOf(loadProject(root, { signal: AbortSignal.abort() }));
    expect(error.message).toContain('resolving was cancelled');
  });

  it('asks a store once per distinct reference, and does not wait for one that hangs', async () => {
    const asked: string[] = [];
    const store: ReferenceResolver = {
      scheme: 'vault',
      resolve: (locator) => {
        asked.push(locator);
        return locator === 'a#k'
          ? Promise.resolve({ value: 'x', version: '3', source: 'vault' })
          : new Promise(() => undefined);
      },
    };
    const text = 'one: vault://a#k\ntwo: vault://a#k\nthree: vault://b#k\n';
    const parsed = parseYaml('c.yml', text);
    if (!parsed.ok) throw new Error('this is good YAML');
    const resolving = resolveReferences({
      uses: findReferences(parsed.source).uses,
      source: parsed.source,
      resolvers: new Map([['vault', store]]),
      signal: AbortSignal.timeout(20),
      previous: [],
    });
    expect((await errorOf(resolving)).message).toBe(
      'a reference has no value:\n  c.yml:3:8: vault://b#k: did not answer in time (used by `three`)',
    );
    expect(asked.sort()).toEqual(['a#k', 'b#k']);
  });
});
