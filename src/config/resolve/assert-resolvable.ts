import { MxcpError, type Problem } from '../../errors/index.js';
import type { ConfigTemplate } from '../config-template.js';
import { invalidConfig } from '../invalid-config.js';
import { createEnvResolver } from '../references/env.js';
import { loadEnvironment } from '../references/environment-view.js';
import { createFileResolver } from '../references/file.js';
import { limitTime } from '../references/http/time-limit.js';
import type { ReferenceUse } from '../references/reference-uses.js';
import { resolveReferences } from '../references/resolve-references.js';
import { activeReferences, type ActiveProfile } from './active-user-config.js';
import { findDatabaseProblems } from './database-place.js';
import type { ResolveConfigInput } from './resolve-config-input.js';

/**
 * Throws `config_invalid` when the configuration cannot be resolved to one that runs. What this machine can tell of the sound
 * references is told as well, so that nobody meets it only after mending the rest; no store is asked.
 */
export async function assertResolvable(
  template: ConfigTemplate,
  active: ActiveProfile,
  input: ResolveConfigInput,
): Promise<void> {
  const problems = [...findDatabaseProblems(template, active, input.settings), ...template.userProblems];
  if (problems.length === 0) return;
  const uses = activeReferences(template, active).filter(isLocal);
  throw invalidConfig([...problems, ...(await findUnresolved(uses, template, input))]);
}

async function findUnresolved(
  uses: readonly ReferenceUse[],
  { userSource: source }: ConfigTemplate,
  { settings, env, signal }: ResolveConfigInput,
): Promise<readonly Problem[]> {
  if (source === undefined) return [];
  const limit = limitTime(settings.reloadResolveTimeoutMs, signal);
  const { envFiles, cwd } = settings;
  try {
    const view = await loadEnvironment({ envFiles, env, signal: limit.signal });
    const resolvers = new Map([
      ['env', createEnvResolver(view, envFiles)],
      ['file', createFileResolver({ configFile: source.file, cwd })],
    ]);
    await resolveReferences({ uses, source, resolvers, signal: limit.signal, previous: [] });
    return [];
  } catch (error) {
    if (error instanceof MxcpError) return error.problems;
    throw error;
  }
}

function isLocal({ reference }: ReferenceUse): boolean {
  return reference.kind === 'template' || reference.scheme === 'file';
}
