import { describe, expect, it, onTestFinished } from 'vitest';
import { compareReferences, type ResolvedConfig } from '../../../src/config/index.js';
import { VaultServer } from '../../kit/vault-server.js';
import { StoreProject, vaultSection, type References } from '../../kit/projects/store-project.js';

const PASSWORD = 'vault://database/creds/app#password';
const USERNAME = 'vault://database/creds/app#username';

/** A Vault that creates a database user with a lease of five minutes for each read, and a project that refers to it. */
async function openProject(references: References): Promise<{ vault: VaultServer; project: StoreProject }> {
  const vault = new VaultServer();
  vault.mount('kv/', 2).mount('old/', 1).mount('database/', 1, 'database');
  vault.put('kv/app', { password: 'kept-word-1' }).put('old/app', { password: 'old-word-1' });
  createNextUser(vault, 1);
  await vault.listen();
  const project = new StoreProject();
  onTestFinished(async () => {
    await project[Symbol.asyncDispose]();
    await vault[Symbol.asyncDispose]();
  });
  project.env['VAULT_TOKEN'] = vault.issueToken();
  project.write(vaultSection(vault.address), references);
  return { vault, project };
}

/** From now on, a read creates this user. */
function createNextUser(vault: VaultServer, number: number): void {
  vault.put('database/creds/app', { username: `v-app-${number}`, password: `made-${number}` });
}

const countReads = (vault: VaultServer): number => vault.seen(/^\/v1\/database\//).length;

/** Resolves as `reload.refresh` does. */
function refresh(project: StoreProject, { references }: ResolvedConfig): Promise<ResolvedConfig> {
  return project.stores.reuseLeased(references, () => project.resolve());
}

function outcomes(before: ResolvedConfig, after: ResolvedConfig): readonly string[] {
  return compareReferences(before.references, after.references).map(({ outcome }) => outcome);
}

describe('a leased secret', () => {
  it('is reused by a refresh and read again by a requested resolve', async () => {
    const { vault, project } = await openProject({ A: PASSWORD, B: USERNAME, C: 'vault://kv/app#password' });
    const first = await project.resolve();
    createNextUser(vault, 2);
    vault.put('kv/app', { password: 'kept-word-2' });
    const second = await refresh(project, first);
    expect(outcomes(first, second)).toEqual(['unchanged', 'unchanged', 'changed']);
    expect(second.references[0]?.resolvedAt).toEqual(first.references[0]?.resolvedAt);
    expect(countReads(vault)).toBe(1);
    expect(await project.values()).toEqual({ A: 'made-2', B: 'v-app-2', C: 'kept-word-2' });
    expect(countReads(vault)).toBe(2);
  });

  it('is only one that Vault creates: a stored secret is read again even if it states a duration', async () => {
    const { vault, project } = await openProject({ A: 'vault://old/app#password' });
    const first = await project.resolve();
    expect(first.references[0]?.leaseSeconds).toBe(2_764_800);
    vault.put('old/app', { password: 'old-word-2' });
    expect(outcomes(first, await refresh(project, first))).toEqual(['changed']);
  });

  it('of the current generation is preferred to a newer one of a dry run', async () => {
    const { vault, project } = await openProject({ A: PASSWORD });
    const serving = await project.resolve();
    createNextUser(vault, 2);
    const tried = await project.resolve();
    expect(outcomes(serving, tried)).toEqual(['changed']);
    expect(outcomes(serving, await refresh(project, serving))).toEqual(['unchanged']);
    expect(countReads(vault)).toBe(2);
  });

  it('is read again with all its keys when a new reference needs another key', async () => {
    const { vault, project } = await openProject({ A: PASSWORD });
    const first = await project.resolve();
    createNextUser(vault, 2);
    project.write(vaultSection(vault.address), { A: PASSWORD, B: USERNAME });
    const second = await refresh(project, first);
    expect(outcomes(first, second)).toEqual(['changed', 'added']);
    expect(await project.stores.reuseLeased(second.references, () => project.values())).toEqual({
      A: 'made-2',
      B: 'v-app-2',
    });
    expect(countReads(vault)).toBe(2);
  });

  it('is not reused with another token, because it may have ended with the previous one', async () => {
    const { vault, project } = await openProject({ A: PASSWORD });
    const first = await project.resolve();
    createNextUser(vault, 2);
    project.env['VAULT_TOKEN'] = vault.issueToken();
    expect(outcomes(first, await refresh(project, first))).toEqual(['changed']);
    expect(countReads(vault)).toBe(2);
  });
});
