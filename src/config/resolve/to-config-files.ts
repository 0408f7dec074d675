import type { z } from 'zod';
import type { ConfigTemplate } from '../config-template.js';
import type { ConfigFiles, ConfigObject } from '../resolved-config.js';
import { conform, isMapping } from '../schema/conform.js';
import { jsonSchemaOf } from '../schema/json-schema.js';
import { siteSchema } from '../schema/site-schema.js';
import { userSchema } from '../schema/user-schema.js';
import type { EffectiveConfig } from './effective-config.js';

export interface WrittenFiles {
  readonly template: ConfigTemplate;
  /** The user configuration with its references replaced. */
  readonly userFile: unknown;
  readonly profile: string;
  readonly siteProfile: EffectiveConfig['siteProfile'];
}

/** Both files as code sees them. The files of the active profile are there also when only their defaults name them. */
export function toConfigFiles({ template, userFile, profile, siteProfile }: WrittenFiles): ConfigFiles {
  const site = toConfigObject(template.siteSource.value, siteSchema);
  const profiles = childOf(site, 'profiles');
  const written = childOf(profiles, profile);
  const withPath = (key: 'duckdb' | 'drift' | 'audit'): ConfigObject => {
    const { path } = siteProfile[key];
    return { [key]: { ...childOf(written, key), ...(path !== undefined && { path }) } };
  };
  const active = { ...written, ...withPath('duckdb'), ...withPath('drift'), ...withPath('audit') };
  return {
    site: { ...site, profiles: { ...profiles, [profile]: active } },
    user: toConfigObject(userFile, userSchema),
  };
}

/** A file that passed its schema: the keys that are written there, with values of the declared types. */
function toConfigObject(file: unknown, schema: z.ZodType): ConfigObject {
  const value: unknown = JSON.parse(JSON.stringify(conform(file, jsonSchemaOf(schema))));
  return asObject(value);
}

function childOf(parent: ConfigObject, key: string): ConfigObject {
  return asObject(Object.hasOwn(parent, key) ? parent[key] : undefined);
}

function asObject(value: unknown): ConfigObject {
  // What comes here was made by JSON.parse; infinities, which only YAML knows, are null there.
  return isMapping(value) ? (value as ConfigObject) : {};
}
