import { inspect } from 'node:util';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { withReloadable } from '../../../src/config/index.js';
import { loadProject, makeProject } from '../../kit/projects/config-project.js';

const USER = [
  'mxcp: 1',
  'transport:',
  '  http:',
  '    port: "${PORT}"',
  'projects:',
  '  shop:',
  '    profiles:',
  '      dev:',
  '        secrets:',
  '          - name: db',
  '            type: python',
  '            parameters: { password: "${PASSWORD}", tries: 3 }',
  '      prod:',
  '        secrets:',
  '          - name: db',
  '            type: python',
  '            parameters: { password: of-another-profile }',
  '  other:',
  '    profiles: {}',
].join('\n');

const SITE =
  'mxcp: 1\nproject: shop\nprofile: dev\nextensions: json\nprofiles: { dev: { duckdb: { readonly: "yes" } } }\n';

const makeShop = () =>
  makeProject({ 'config.yml': USER, 'mxcp-site.yml': SITE, 'a.env': 'PORT=9000\nPASSWORD=hunter2\n' });
const options = (root: string) => ({
  env: { MXCP_ENV_FILE: join(root, 'a.env'), PASSWORD: 'of-the-process', ONLY_HERE: 'yes' },
});

describe('the configuration as Python code sees it', () => {
  it('is what the files say, in the declared types, with no defaults but the files of the profile', async () => {
    const root = await makeShop();
    const { site, user } = (await loadProject(root, options(root))).files.reveal();
    expect(site).toEqual({
      mxcp: 1,
      project: 'shop',
      profile: 'dev',
      extensions: ['json'],
      // Absolute, even if no file names them: code finds the database by this path.
      profiles: {
        dev: {
          duckdb: { readonly: true, path: join(root, 'data/db-dev.duckdb') },
          drift: { path: join(root, 'drift/drift-dev.json') },
          audit: { path: join(root, 'audit/logs-dev.jsonl') },
        },
      },
    });
    expect(user).toEqual({
      mxcp: 1,
      transport: { http: { port: 9000 } },
      projects: {
        shop: {
          profiles: {
            dev: { secrets: [{ name: 'db', type: 'python', parameters: { password: 'hunter2', tries: 3 } }] },
          },
        },
      },
    });
  });

  it('is empty without a user configuration', async () => {
    const root = await makeProject({});
    expect((await loadProject(root)).files.reveal().user).toEqual({});
  });

  it('has the environment of the process, overridden by the env files', async () => {
    const root = await makeShop();
    const environment = (await loadProject(root, options(root))).environment.reveal();
    expect(environment).toMatchObject({ PORT: '9000', PASSWORD: 'hunter2', ONLY_HERE: 'yes' });
  });

  it('is never printed', async () => {
    const root = await makeShop();
    const config = await loadProject(root, options(root));
    for (const printed of [JSON.stringify(config), inspect(config, { depth: 20, showHidden: true }), `${config.files}`])
      expect(printed).not.toMatch(/hunter2|of-the-process/);
  });

  it('is fresh after a reload, even if the server itself keeps what it started with', async () => {
    const root = await makeShop();
    const running = await loadProject(root, options(root));
    await writeFile(join(root, 'a.env'), 'PORT=9001\nPASSWORD=changed\n');
    await writeFile(join(root, 'mxcp-site.yml'), SITE.replace('extensions: json', 'extensions: icu'));
    const next = withReloadable(running, await loadProject(root, { ...options(root), previous: running }));
    expect(next.extensions).toMatchObject([{ name: 'json' }]);
    expect(next.files.reveal()).toMatchObject({
      site: { extensions: ['icu'] },
      user: { transport: { http: { port: 9001 } } },
    });
    expect(next.environment.reveal()).toMatchObject({ PASSWORD: 'changed' });
  });
});
