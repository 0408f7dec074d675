import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { SecretStores, type ReferenceResolver } from '../../../src/secrets/index.js';
import { blockUnder } from '../../contract/docs/doc-blocks.js';
import { InProcessServer } from '../../kit/in-process-server.js';
import { TemporaryProject, userConfig } from '../../kit/projects/temporary-project.js';
import { StoreProject } from '../../kit/projects/store-project.js';

/** The store of the guide, loaded from a separate file. */
async function storeOfGuide(project: TemporaryProject): Promise<ReferenceResolver> {
  project.write('json-store.mjs', blockUnder('docs/guides/rotating-secrets.md', 'A store of your own', 'js').text);
  // The guide exports it; what it does is what this file tests.
  const { jsonStore } = (await import(pathToFileURL(project.path('json-store.mjs')).href)) as {
    readonly jsonStore: ReferenceResolver;
  };
  return jsonStore;
}

describe('the store that the guide shows', () => {
  it('gives a server its values at the start, and a reload reports which changed', async () => {
    using project = new TemporaryProject({ 'app.json': '{"token":"json-word-1"}' });
    const reference = `json://${join(project.root, 'app.json')}#token`;
    project.write('config.yml', userConfig(['name: t', 'type: http', 'parameters:', `  BEARER_TOKEN: ${reference}`]));
    await using server = await InProcessServer.start(project, { stores: [await storeOfGuide(project)] });
    const [first] = (await server.admin.config()).references;
    expect(first).toMatchObject({ ref: reference, source: 'json', version: null });
    project.write('app.json', '{"token":"json-word-2"}');
    const { references } = await server.admin.reload({ waitMs: 10_000 });
    expect(references).toEqual([expect.objectContaining({ ref: reference, outcome: 'changed' })]);
    expect((await server.admin.config()).references[0]?.fingerprint).not.toBe(first?.fingerprint);
  });

  it('says what is wrong without the text of the file', async () => {
    await using project = new StoreProject();
    const store = await storeOfGuide(project.project);
    await using other = new StoreProject({ added: [store] }, { 'app.json': '{"token":"json-word-1"}' });
    const reference = `json://${other.project.path('app.json')}`;
    expect(await other.write([], { A: `${reference}#token` }).values()).toEqual({ A: 'json-word-1' });
    expect((await other.write([], { A: `${reference}#none` }).failures())[0]).toMatch(
      /no key `none` in .*; it has token/,
    );
    other.project.write('app.json', 'json-word-2 {');
    expect((await other.write([], { A: `${reference}#token` }).failures())[0]).toMatch(/app\.json is not JSON$/);
  });
});

describe('an added store', () => {
  const store = (scheme: string): ReferenceResolver => ({
    scheme,
    resolve: (locator) => Promise.resolve({ value: `${scheme}:${locator}`, version: '7', leaseSeconds: 60 }),
  });

  it('works beside other stores, with its version and its lease', async () => {
    await using project = new StoreProject({ added: [store('one'), store('two')] });
    project.env['X'] = 'x';
    project.write([], { A: 'one://a', B: 'two://b', C: '${X}', D: 'three://d' });
    expect(await project.values()).toEqual({ A: 'one:a', B: 'two:b', C: 'x', D: 'three://d' });
    const { references } = await project.resolve();
    expect(references[0]).toMatchObject({ source: 'one', version: '7', leaseSeconds: 60 });
  });

  it.each(['vault', 'op', 'file', 'env', 'Big', '', 'a b'])('cannot have the scheme %j', (scheme) => {
    expect(() => new SecretStores({ added: [store(scheme)] })).toThrow('give it one of its own');
  });

  it('cannot have the scheme of another store', () => {
    expect(() => new SecretStores({ added: [store('one'), store('one')] })).toThrow('`one`; give it one of its own');
  });
});
