import { invalidConfig, type Problem } from '../errors/index.js';
import { compilePolicies, type EndpointPolicies } from '../policies/index.js';
import { type KeyPath, toDotted } from '../yaml/index.js';
import type { ActiveTemplate } from './config-template.js';

/** The arguments of all SQL tools. One that a tool does not take is null, which the default allows. */
const ARGUMENTS = [
  { name: 'sql', type: 'string', default: null },
  { name: 'limit', type: 'integer', default: null },
  { name: 'table_name', type: 'string', default: null },
] as const;

/**
 * Compiles `sql_tools.policies`, which hold for every SQL tool. Throws `config_invalid` for a rule with a mistake: without it, the
 * tools would be open.
 */
export async function compileSqlToolPolicies({
  site,
  siteSource,
}: Pick<ActiveTemplate, 'site' | 'siteSource'>): Promise<{
  readonly policies: EndpointPolicies | undefined;
  readonly warnings: readonly Problem[];
}> {
  const written = site.sql_tools.policies;
  if (written === undefined) return { policies: undefined, warnings: [] };
  const returns = { type: 'array', items: { type: 'object' } } as const;
  const { policies, findings } = await compilePolicies(written, { kind: 'sql tool', parameters: ARGUMENTS, returns });
  const problems = findings.map(({ at, message, line, isWarning }) => {
    const path: KeyPath = ['sql_tools', 'policies', ...at];
    const place = line === undefined ? siteSource.positionOf(path) : siteSource.positionInText(path, line);
    return { isWarning, problem: { ...place, path: toDotted(path), message } };
  });
  const mistakes = problems.filter(({ isWarning }) => !isWarning);
  if (mistakes.length > 0) throw invalidConfig(mistakes.map(({ problem }) => problem));
  return { policies, warnings: problems.map(({ problem }) => problem) };
}
