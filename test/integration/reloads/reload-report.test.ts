import { describe, expect, it } from 'vitest';
import type { ReloadRecord } from '../../../src/admin/client/index.js';
import type { ReferenceResolver } from '../../../src/secrets/index.js';
import { sqlTool, userConfig } from '../../kit/projects/temporary-project.js';
import { failedReload } from './failed-reload.js';
import { SITE, startShop } from '../../kit/projects/shop.js';

const RELOAD = { waitMs: 20_000 } as const;
const USED = 'projects.shop.profiles.dev.secrets';

function proxies(...references: readonly string[]): readonly string[] {
  return userConfig(
    ...references.map((reference, index) => [
      `name: proxy_${index}`,
      'type: http',
      'parameters:',
      `  HTTP_PROXY: "${reference}"`,
    ]),
  );
}

/** A store whose second version a test publishes. */
function createStore(): { store: ReferenceResolver; publish: (version: string) => void } {
  let current = '1';
  return {
    store: {
      scheme: 'store',
      resolve: async (locator) => ({ value: `http://${locator}-${current}.example:1`, version: current }),
    },
    publish: (version) => {
      current = version;
    },
  };
}

async function startStored() {
  const { store, publish } = createStore();
  const { project, server } = await startShop('readonly', {
    stores: [store],
    files: { 'config.yml': proxies('store://a', 'file://second.txt', '${FIRST}', 'file://second.txt') },
  });
  project.write('third.txt', 'http://third-1.example:1\n');
  publish('2');
  project.write('config.yml', proxies('store://a', 'file://third.txt', '${FIRST}', '${FIRST}'));
  return { project, server };
}

const EXPECTED: ReloadRecord['references'] = [
  {
    ref: '${FIRST}',
    outcome: 'unchanged',
    version: null,
    used_by: [2, 3].map((at) => `${USED}[${at}].parameters.HTTP_PROXY`),
    error: null,
  },
  {
    ref: 'file://second.txt',
    outcome: 'removed',
    version: null,
    used_by: [1, 3].map((at) => `${USED}[${at}].parameters.HTTP_PROXY`),
    error: null,
  },
  {
    ref: 'file://third.txt',
    outcome: 'added',
    version: null,
    used_by: [`${USED}[1].parameters.HTTP_PROXY`],
    error: null,
  },
  { ref: 'store://a', outcome: 'changed', version: '2', used_by: [`${USED}[0].parameters.HTTP_PROXY`], error: null },
];

describe('what a reload says of references', () => {
  it('is in its record, in /config and in one line of the log', async () => {
    const { server } = await startStored();
    const before = (await server.admin.config()).references.find(({ ref }) => ref === 'store://a');
    expect(await server.admin.reload(RELOAD)).toMatchObject({ references: EXPECTED });
    const { references } = await server.admin.config();
    expect(references.map(({ ref, version }) => [ref, version])).toEqual([
      ['store://a', '2'],
      ['file://third.txt', null],
      ['${FIRST}', null],
    ]);
    const after = references[0];
    expect(after).toMatchObject({ source: 'store', fingerprint: expect.stringMatching(/^[0-9a-f]{16}$/) });
    expect(after?.fingerprint).not.toBe(before?.fingerprint);
    const [line, ...more] = server.logLines.filter((text) => text.includes('reload succeeded'));
    expect(more).toEqual([]);
    expect(line).toContain(
      'references="file://second.txt removed, file://third.txt added, store://a changed (version 2), 1 unchanged"',
    );
    expect(line?.trimEnd()).not.toContain('\n');
  });

  it('reports a changed default of a variable', async () => {
    const { project, server } = await startShop('readonly', {
      files: { 'config.yml': proxies('${UNSET:-http://one.example:1}') },
    });
    const [before] = (await server.admin.config()).references;
    expect(before).toMatchObject({ ref: '${UNSET}', source: 'process_env' });
    project.write('config.yml', proxies('${UNSET:-http://two.example:1}'));
    const { references } = await server.admin.reload(RELOAD);
    expect(references).toMatchObject([{ ref: '${UNSET}', outcome: 'changed' }]);
    const [after] = (await server.admin.config()).references;
    expect(after?.fingerprint).not.toBe(before?.fingerprint);
    expect(await server.admin.reload(RELOAD)).toMatchObject({ references: [{ outcome: 'unchanged' }] });
    expect((await server.admin.config()).references).toMatchObject([
      { fingerprint: after?.fingerprint, changed_at: after?.changed_at },
    ]);
  });

  it('is what would change, when it is only tried', async () => {
    const { server } = await startStored();
    const before = await server.admin.config();
    expect(await server.admin.reload({ dryRun: true })).toMatchObject({ dry_run: true, references: EXPECTED });
    expect(await server.admin.config()).toEqual(before);
  });

  it('names what failed and what did not', async () => {
    const { project, server } = await startStored();
    project.remove('third.txt');
    const { record } = await failedReload(server);
    expect(record.references.map(({ ref, outcome }) => [ref, outcome])).toEqual([
      ['${FIRST}', 'unchanged'],
      ['file://second.txt', 'removed'],
      ['file://third.txt', 'failed'],
      ['store://a', 'changed'],
    ]);
    expect(record.references[2]?.error).toContain('there is no file');
    expect(server.logLines.filter((text) => text.includes('reload failed')).join('')).toContain(
      'references="file://second.txt removed, file://third.txt failed, store://a changed (version 2), 1 unchanged"',
    );
  });
});

describe('what a reload leaves as it is', () => {
  it('is in /status and in the line of the log, until a reload applies it', async () => {
    const { project, server } = await startShop('readonly');
    project.write('tools/new.yml', sqlTool('new', 'SELECT 1'));
    project.write('mxcp-site.yml', [...SITE.readonly, 'sql_tools: { enabled: true }']);
    expect(await server.admin.reload(RELOAD)).toMatchObject({ status: 'success' });
    expect((await server.admin.status()).reload).toMatchObject({
      definitions_changed: ['tools/new.yml: added'],
      restart_required: ['sql_tools.enabled'],
    });
    const [line] = server.logLines.filter((text) => text.includes('reload succeeded'));
    expect(line).toContain('WARN reload: reload succeeded, but changed endpoint files were not read');
    expect(line).toContain('restart_required=sql_tools.enabled definitions_changed="tools/new.yml: added"');
    expect(await server.admin.reload({ ...RELOAD, definitions: true })).toMatchObject({ status: 'success' });
    expect((await server.admin.status()).reload.definitions_changed).toEqual([]);
    const [, next] = server.logLines.filter((text) => text.includes('reload succeeded'));
    expect(next).toMatch(/INFO reload: reload succeeded id=/);
  });
});

it('a reload of definitions warns as a start does, of each thing once', async () => {
  const { project, server } = await startShop('readonly');
  project.write('tools/new.yml', sqlTool('new.tool', 'SELECT 1'));
  for (let count = 0; count < 2; count += 1) await server.admin.reload({ ...RELOAD, definitions: true });
  const warnings = server.logLines.filter((text) => text.includes('some clients refuse all tools'));
  expect(warnings).toHaveLength(1);
  expect(warnings[0]).toMatch(
    / WARN \S+ tools\/new\.yml:3:3: some clients refuse all tools because of the name "new\.tool"/,
  );
});
