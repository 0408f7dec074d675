import type { ConfigTemplate } from '../config-template.js';
import { invalidConfig } from '../invalid-config.js';
import type { KeyPath } from '../yaml/yaml-source.js';
import type { ReferenceUse } from '../references/reference-uses.js';
import type { ResolvedReferences } from '../references/resolve-references.js';
import { checkSchema } from '../schema/check-schema.js';
import { isMapping } from '../schema/conform.js';
import { userSchema, type UserConfig } from '../schema/user-schema.js';

/** Which part of the user file counts. */
export interface ActiveProfile {
  readonly project: string;
  readonly profile: string;
}

/** The references that are resolved: of the top-level settings and of the active profile. */
export function activeReferences(template: ConfigTemplate, active: ActiveProfile): readonly ReferenceUse[] {
  return template.references.filter(({ path }) => isActive(path, active));
}

/** The user configuration as it is written, with only the active profile in it and every reference replaced. */
export function resolveUserFile(
  template: ConfigTemplate,
  active: ActiveProfile,
  resolved: ResolvedReferences | undefined,
): unknown {
  if (template.userSource === undefined || resolved === undefined) return {};
  const texts = new Map(
    activeReferences(template, active).map((use) => [JSON.stringify(use.path), resolved.textOf(use)]),
  );
  return replaceTexts(onlyActive(template.userSource.value, active), [], texts);
}

/** What `resolveUserFile` made, with defaults, checked again now that the values are known. Throws `config_invalid`. */
export function typeUserConfig(template: ConfigTemplate, value: unknown): UserConfig {
  const source = template.userSource;
  if (source === undefined) return userSchema.parse({});
  const check = checkSchema({ schema: userSchema, source, value });
  if (check.ok) return check.value;
  throw invalidConfig(check.problems, 'with its references resolved, the configuration has problems:');
}

/** Also what stands where a mapping on the way to the active profile should be, so that it is judged. */
function isActive(path: KeyPath, { project, profile }: ActiveProfile): boolean {
  if (path[0] !== 'projects') return true;
  return ['projects', project, 'profiles', profile].every(
    (step, index) => index >= path.length || path[index] === step,
  );
}

function onlyActive(value: unknown, { project, profile }: ActiveProfile): unknown {
  if (!isMapping(value) || !Object.hasOwn(value, 'projects')) return value;
  const steps = [project, 'profiles', profile];
  return { ...value, projects: onlyAlong(value['projects'], steps) };
}

/** A mapping with only the keys along `steps`; anything else stays as it is, for the check to judge. */
function onlyAlong(value: unknown, [step, ...rest]: readonly string[]): unknown {
  if (step === undefined || !isMapping(value)) return value;
  return Object.hasOwn(value, step) ? { [step]: onlyAlong(value[step], rest) } : {};
}

/** The same value with the texts at these paths (as JSON) replaced. */
export function replaceTexts(value: unknown, path: KeyPath, texts: ReadonlyMap<string, string>): unknown {
  if (typeof value === 'string') return texts.get(JSON.stringify(path)) ?? value;
  if (Array.isArray(value)) return value.map((item, index) => replaceTexts(item, [...path, index], texts));
  if (!isMapping(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, replaceTexts(item, [...path, key], texts)]),
  );
}
