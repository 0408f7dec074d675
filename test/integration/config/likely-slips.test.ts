import { describe, expect, it } from 'vitest';
import { formatProblem } from '../../../src/errors/index.js';
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
    expect(await warningsOf(site, 'mxcp: 1\nprojects: {other: {profiles: {prod: {}}}}\n')).toEqual([]);
  });

  it('because DuckDB knows no such type are warned about, unless they are for code', async () => {
    const typed = (type: string): string => userConfig('A: x').replace('type: postgres', `type: ${type}`);
    expect(await warningsOf(site, typed('postgers'))).toEqual([
      'config.yml:8:19: DuckDB has no secrets of this type, so queries run without this one; did you mean `postgres`?',
    ]);
    for (const type of ['HTTP', 'python', 'custom', 'api']) expect(await warningsOf(site, typed(type))).toEqual([]);
  });
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
