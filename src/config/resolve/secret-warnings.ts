import { nearestName, suggestion, type Problem } from '../../errors/index.js';
import { likelyMisspelt, userProfiles } from './select-profile.js';
import type { JudgedConfig } from './unavailable-settings.js';

/** Types of secrets that DuckDB and its own extensions know (DuckDB 1.5.6). Others are for code. */
const DUCKDB_TYPES = 's3 aws r2 gcs azure http huggingface postgres mysql iceberg ducklake motherduck'.split(
  ' ',
);

/** Secrets that nobody will miss until a query fails, because of a slip in the name of a profile or of a type. */
export function findSecretWarnings(judged: JudgedConfig): readonly Problem[] {
  return [...withoutProfile(judged), ...misspeltTypes(judged)];
}

function withoutProfile({ template, active, settings }: JudgedConfig): readonly Problem[] {
  const { project, profile } = active;
  const others = userProfiles(template, project);
  if (template.userSource === undefined || others.length === 0 || others.includes(profile)) return [];
  // Then the name in the site file is told already.
  if (settings.profile === undefined && likelyMisspelt(template) !== undefined) return [];
  const path = ['projects', project, 'profiles'];
  const message = `the profile \`${profile}\` is active and not among these, so it has no secrets; there is ${others.join(', ')}${suggestion(profile, others)}`;
  return [{ ...template.userSource.positionOfKey(path), path: path.join('.'), message }];
}

/** Quotes no type: it may have come from a reference. */
function misspeltTypes({ config, template, active }: JudgedConfig): readonly Problem[] {
  const base = ['projects', active.project, 'profiles', active.profile, 'secrets'];
  return config.userProfile.secrets.flatMap(({ type }, index) => {
    const meant = DUCKDB_TYPES.includes(type.toLowerCase()) ? undefined : nearestName(type, DUCKDB_TYPES);
    if (template.userSource === undefined || meant === undefined) return [];
    const position = template.userSource.positionOf([...base, index, 'type']);
    const message = `DuckDB knows no such type, so queries go without this secret; did you mean \`${meant}\`?`;
    return [{ ...position, path: `${base.join('.')}[${index}].type`, message }];
  });
}
