import { describe, expect, it } from 'vitest';
import { MxcpError } from '../../../src/errors/index.js';
import { userConfig } from '../../kit/projects/temporary-project.js';
import { StoreProject } from '../../kit/projects/store-project.js';

const named = (name: string): readonly string[] => [`name: ${name}`, 'type: http', 'parameters:', '  BEARER_TOKEN: x'];

async function problemsOf(...names: readonly string[]): Promise<readonly string[]> {
  await using project = new StoreProject({}, { 'service.env': 'NAME=Feed' });
  project.project.write('config.yml', userConfig(...names.map(named)));
  const outcome: unknown = await project.resolve().catch((error: unknown) => error);
  return outcome instanceof MxcpError ? (outcome.problems ?? []).map(({ message }) => message) : [];
}

describe('names of secrets', () => {
  it('that differ are all taken', async () => {
    expect(await problemsOf('feed', 'feed2')).toEqual([]);
  });

  it('that are the same are refused', async () => {
    expect(await problemsOf('feed', 'feed')).toEqual([
      expect.stringContaining('is also the name of `secrets[0]`; choose another name'),
    ]);
  });

  it.each([
    ['written out', 'Feed'],
    ['of a reference', '"${NAME}"'],
  ])('that differ only in upper and lower case are refused: %s', async (_, name) => {
    expect(await problemsOf('feed', name)).toEqual([
      expect.stringContaining('differs from the name of `secrets[0]` only in case, which DuckDB ignores'),
    ]);
  });
});
