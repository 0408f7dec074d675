import { problemsError } from '../../errors/index.js';
import type { ConfigTemplate } from '../config-template.js';
import type { KeyPath } from '../files/yaml-source.js';
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

/**
 * The user configuration with only the active profile in it and every reference replaced, checked again now that the
 * values are known. Throws `config_invalid`.
 */
export function typeUserConfig(
  template: ConfigTemplate,
  active: ActiveProfile,
  resolved: ResolvedReferences | undefined,
): UserConfig {
  const source = template.userSource;
  if (source === undefined || resolved === undefined) return userSchema.parse({});
  const texts = new Map(
    activeReferences(template, active).map((use) => [JSON.stringify(use.path), resolved.textOf(use)]),
  );
  const value = replaceTexts(onlyActive(source.value, active), [], texts);
  const check = checkSchema({ schema: userSchema, source, value });
  if (check.ok) return check.value;
  throw problemsError(
    'config_invalid',
    'with its references resolved, the configuration has problems:',
    check.problems,
  );
}

function isActive(path: KeyPath, { project, profile }: ActiveProfile): boolean {
  if (path[0] !== 'projects') return true;
  return path[1] === project && path[2] === 'profiles' && path[3] === profile;
}

function onlyActive(value: unknown, { project, profile }: ActiveProfile): unknown {
  if (!isMapping(value)) return value;
  const profiles = own(own(own(value, 'projects'), project), 'profiles');
  const found = own(profiles, profile);
  return { ...value, projects: { [project]: { profiles: found === undefined ? {} : { [profile]: found } } } };
}

function own(value: unknown, key: string): unknown {
  return isMapping(value) && Object.hasOwn(value, key) ? value[key] : undefined;
}

function replaceTexts(value: unknown, path: KeyPath, texts: ReadonlyMap<string, string>): unknown {
  if (typeof value === 'string') return texts.get(JSON.stringify(path)) ?? value;
  if (Array.isArray(value)) return value.map((item, index) => replaceTexts(item, [...path, index], texts));
  if (!isMapping(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, replaceTexts(item, [...path, key], texts)]),
  );
}
