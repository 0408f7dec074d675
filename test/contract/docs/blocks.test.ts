import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { parse as parseYaml } from 'yaml';
import { ROUTES } from '../../../src/contract/index.js';
import type { RouteName } from '../../../src/contract/index.js';
import { loadConfigTemplate } from '../../../src/config/index.js';
import { loadSettings, SETTINGS, type Setting } from '../../../src/settings/index.js';
import { ERROR_CODES } from '../../../src/errors/index.js';
import { loadEndpoints } from '../../../src/endpoints/index.js';
import { allBlocks, nameOfBlock, repository, type DocBlock } from './doc-blocks.js';

/** How each kind of block is checked; no test would check a block of another kind, so there must be none. */
const KINDS: Readonly<Record<string, (tags: readonly string[]) => boolean>> = {
  // Run by test/system/docs; `serve` starts a server that stays, `setup` is checked here and run by .ci/run, `docker` and `example` by
  // test/containers, `fleet` by test/fleet, `systemd` by test/systemd, and test/kubernetes checks the files that `kubernetes` applies.
  bash: (tags) =>
    tags.length === 0 ||
    ['serve', 'setup', 'docker', 'example', 'fleet', 'kubernetes', 'systemd'].includes(tags.join(' ')),
  python: (tags) => tags.length === 0,
  js: (tags) => tags.length === 0,
  // An answer, by route and status; the failure of a command; or the configuration of another program.
  json: ([route, status]) => route === 'client' || route === 'failure' || (route !== undefined && status !== undefined),
  yaml: (tags) => tags.length === 0,
  ini: (tags) => tags.length === 0,
  // Pictures and output.
  text: (tags) => tags.length === 0,
};

const VARIABLES = new Set(Object.values<Setting<unknown>>(SETTINGS).flatMap(({ variable }) => variable ?? []));

const temporary = mkdtempSync(join(tmpdir(), 'docs-'));
afterAll(() => rmSync(temporary, { recursive: true, force: true }));

const blocks = allBlocks();
const ofLanguage = (language: string) =>
  blocks.filter((block) => block.language === language).map((block) => [nameOfBlock(block), block] as const);

describe('every block of the documentation is one that is checked', () => {
  it.each(blocks.map((block) => [nameOfBlock(block), block] as const))('%s', (_name, block) => {
    expect(KINDS[block.language]?.(block.tags)).toBe(true);
  });
});

describe('JSON', () => {
  it.each(ofLanguage('json'))('%s parses, and an answer is one that the contract allows', (_name, block) => {
    const value: unknown = JSON.parse(block.text);
    const [route, status] = block.tags;
    if (route === 'client') return;
    if (route === 'failure') {
      const { error, code, message, ...rest } = value as Readonly<Record<string, unknown>>;
      expect(Object.keys(ERROR_CODES)).toContain(error);
      expect([code, typeof message, rest]).toEqual([error, 'string', { status: 'error' }]);
      return;
    }
    expect(Object.keys(ROUTES)).toContain(route);
    // Checked in the line above.
    const responses: Readonly<Record<string, { schema: { parse: (value: unknown) => unknown } }>> =
      ROUTES[route as RouteName].responses;
    expect(Object.keys(responses)).toContain(status);
    responses[status ?? '']?.schema.parse(value);
  });
});

describe('YAML', () => {
  it.each(ofLanguage('yaml'))('%s is understood', async (_name, block) => {
    // What a page shows is a mapping.
    const value = parseYaml(block.text) as Readonly<Record<string, unknown>>;
    if ('services' in value || 'kind' in value) expectKnownVariables(block);
    else if ('tool' in value || 'resource' in value || 'prompt' in value) await expectEndpoint(block.text, value);
    else await expectConfiguration(block.text, 'project' in value);
  });
});

describe('INI', () => {
  it.each(ofLanguage('ini'))('%s has sections, settings, and variables that exist', (_name, block) => {
    for (const line of block.text.split('\n').filter((text) => text !== '')) {
      expect(line).toMatch(/^(\[\w+\]|[A-Z]\w+=.+)$/);
    }
    expectKnownVariables(block);
  });
});

describe('commands that set the repository up', () => {
  it.each(blocks.filter(({ tags }) => tags[0] === 'setup').map((block) => [nameOfBlock(block), block] as const))(
    '%s names scripts of the package',
    (_name, block) => {
      // The package file is ours.
      const { scripts } = JSON.parse(readFileSync(join(repository, 'package.json'), 'utf8')) as {
        scripts: Record<string, string>;
      };
      const builtIn = ['ci', 'link', 'install'];
      for (const command of block.text.split(/&&|\n/).map((text) => text.replace(/#.*/, '').trim())) {
        if (command === '') continue;
        const [, script] = /^npm (?:run )?([\w:]+)(?: --global --prefix \S+ \.)?$/.exec(command) ?? [];
        expect([...builtIn, ...Object.keys(scripts)], command).toContain(script);
      }
    },
  );
});

function expectKnownVariables({ text }: DocBlock): void {
  for (const [name] of text.matchAll(/\bMXCP_[A-Z_]+\b/g)) expect([...VARIABLES]).toContain(name);
}

async function expectEndpoint(text: string, value: Readonly<Record<string, unknown>>): Promise<void> {
  const kind = (['tool', 'resource', 'prompt'] as const).find((name) => name in value);
  const root = mkdtempSync(join(temporary, 'endpoint-'));
  const paths = { tools: join(root, 'tools'), resources: join(root, 'resources'), prompts: join(root, 'prompts') };
  for (const folder of Object.values(paths)) mkdirSync(folder);
  writeFileSync(join(root, `${kind}s`, 'shown.yml'), text);
  const catalog = await loadEndpoints({ projectRoot: root, paths, sqlTools: { enabled: false } });
  expect(catalog.failures).toEqual([]);
}

async function expectConfiguration(text: string, isSite: boolean): Promise<void> {
  const root = mkdtempSync(join(temporary, 'config-'));
  const user = join(root, 'config.yml');
  writeFileSync(join(root, 'mxcp-site.yml'), isSite ? text : 'mxcp: 1\nproject: shown\nprofile: dev\n');
  writeFileSync(user, isSite ? 'mxcp: 1\n' : text);
  const settings = loadSettings({ flags: {}, env: { MXCP_CONFIG: user }, cwd: root });
  await expect(loadConfigTemplate(settings)).resolves.toBeDefined();
}
