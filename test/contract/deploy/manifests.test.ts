import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { parseAllDocuments, parseDocument } from 'yaml';
import { loadConfigTemplate } from '../../../src/config/index.js';
import { loadSettings, SETTINGS, type Setting } from '../../../src/settings/index.js';
import { repository } from '../docs/doc-blocks.js';

// `npm run test:kubernetes` and `npm run test:containers` run these files; here is what every change can break without them.
const deploy = join(repository, 'deploy');
const files = readdirSync(deploy, { recursive: true, encoding: 'utf8' })
  .filter((name) => /\.ya?ml$/.test(name))
  .map((name) => join(deploy, name));
const variables = new Set(Object.values<Setting<unknown>>(SETTINGS).flatMap(({ variable }) => variable ?? []));
const temporary = mkdtempSync(join(tmpdir(), 'deploy-'));
afterAll(() => rmSync(temporary, { recursive: true, force: true }));

describe('the files in deploy/', () => {
  it.each(files)('%s is YAML, and sets only variables that the server has', (file) => {
    const text = readFileSync(file, 'utf8');
    expect(parseAllDocuments(text).flatMap(({ errors }) => errors)).toEqual([]);
    const used = [...text.matchAll(/^\s*(?:- name: |- )?(MXCP_[A-Z_]+)\b/gm)].flatMap(([, name]) => name ?? []);
    expect(used.filter((name) => !variables.has(name))).toEqual([]);
  });

  it.each(files.filter((file) => file.endsWith('/config.yml')))('%s is a user configuration', async (file) => {
    writeFileSync(join(temporary, 'mxcp-site.yml'), 'mxcp: 1\nproject: sales\nprofile: production\n');
    const settings = loadSettings({ flags: {}, env: { MXCP_CONFIG: file }, cwd: temporary });
    await expect(loadConfigTemplate(settings)).resolves.toBeDefined();
  });

  it.each(files.filter((file) => file.endsWith('/kustomization.yaml')))('%s names files that exist', (file) => {
    const parsed = parseDocument(readFileSync(file, 'utf8')).toJS() as {
      readonly resources: readonly string[];
      readonly patches?: readonly { readonly path: string }[];
    };
    const named = [...parsed.resources, ...(parsed.patches ?? []).map(({ path }) => path)];
    expect(named).not.toEqual([]);
    expect(named.filter((path) => !existsSync(join(dirname(file), path)))).toEqual([]);
  });
});

describe('the compose example', () => {
  const folder = join(deploy, 'compose');
  // The test of containers checks its form.
  const example = parseDocument(readFileSync(join(folder, 'compose.yaml'), 'utf8'), { merge: true }).toJS() as Example;
  const services = Object.entries(example.services);

  it.each(services)(
    'runs %s with a pinned image, without rights, and without a file system to write to',
    (_name, service) => {
      expect(service.image).toMatch(/^[\w/]+:v?\d+\.\d+\.\d+$/);
      expect(service).toMatchObject({ read_only: true, cap_drop: ['ALL'], security_opt: ['no-new-privileges:true'] });
    },
  );

  it('publishes ports to this machine only', () => {
    const ports = services.flatMap(([, { ports: published = [] }]) => published);
    expect(ports).not.toEqual([]);
    expect(ports.filter((port) => !port.startsWith('127.0.0.1:'))).toEqual([]);
  });

  it('mounts folders that exist, and volumes and secrets that it declares', () => {
    for (const [, { volumes = [], secrets = [] }] of services) {
      for (const [source = ''] of volumes.map((volume) => volume.split(':'))) {
        if (source.startsWith('.')) expect(existsSync(join(folder, source)), source).toBe(true);
        else expect(Object.keys(example.volumes)).toContain(source);
      }
      expect(Object.keys(example.secrets)).toEqual(expect.arrayContaining([...secrets]));
    }
  });
});

interface Example {
  readonly services: Readonly<
    Record<
      string,
      {
        readonly image: string;
        readonly ports?: readonly string[];
        readonly volumes?: readonly string[];
        readonly secrets?: readonly string[];
      }
    >
  >;
  readonly volumes: Readonly<Record<string, unknown>>;
  readonly secrets: Readonly<Record<string, unknown>>;
}

describe('the pod', () => {
  const manifest = parseDocument(readFileSync(join(deploy, 'kubernetes/base/deployment.yaml'), 'utf8'));
  const pod = ['spec', 'template', 'spec'];
  const container = [...pod, 'containers', 0];
  // The file is ours, and the test of Kubernetes checks its form.
  const environment = new Map(
    (manifest.toJS() as Pod).spec.template.spec.containers[0].env.map(({ name, value }) => [name, value]),
  );

  it('is probed where the server answers', () => {
    for (const probe of ['startupProbe', 'readinessProbe'])
      expect(manifest.getIn([...container, probe, 'httpGet', 'path'])).toBe(environment.get('MXCP_HEALTH_PATH'));
  });

  it('has more time to end than its hook and the server take', () => {
    const hook = String(manifest.getIn([...container, 'lifecycle', 'preStop', 'exec', 'command', 2]));
    const [, sleep, drain] = /sleep (\d+); mxcp admin drain --wait (\d+)s/.exec(hook) ?? [];
    const shutdown = Number.parseInt(SETTINGS.shutdownTimeout.fallback, 10);
    expect(manifest.getIn([...pod, 'terminationGracePeriodSeconds'])).toBeGreaterThan(
      Number(sleep) + Number(drain) + shutdown,
    );
  });

  it('has more space for temporary files than DuckDB may use', () => {
    const volumes = (manifest.toJS() as Pod).spec.template.spec.volumes;
    const size = volumes.find(({ name }) => name === 'tmp')?.emptyDir?.sizeLimit ?? '';
    expect(Number.parseInt(size, 10)).toBeGreaterThan(
      Number.parseInt(environment.get('MXCP_DUCKDB_TEMP_LIMIT') ?? '', 10),
    );
  });
});

interface Pod {
  readonly spec: {
    readonly template: {
      readonly spec: {
        readonly containers: readonly [{ readonly env: readonly { readonly name: string; readonly value: string }[] }];
        readonly volumes: readonly { readonly name: string; readonly emptyDir?: { readonly sizeLimit: string } }[];
      };
    };
  };
}
