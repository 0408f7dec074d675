import { z } from 'zod';
import { invalidConfig } from '../errors/index.js';
import { FileLedger } from '../files/index.js';
import type { ServerSettings } from '../settings/index.js';
import { checkSchema, loadYamlMapping, type YamlSource } from '../yaml/index.js';
import {
  type ActiveTemplate,
  chooseProfile,
  loadConfigTemplate,
  loadIcons,
  profileNames,
  toCacheRule,
  toPresentation,
} from './config-template.js';
import { findProtection, toPaths, toSiteProfile } from './effective-config.js';
import { type GroupRules, toGroupRules } from './groups.js';
import type { Protection } from './protection.js';
import { siteSchema } from './schema.js';
import { compileSqlToolPolicies, SQL_TOOL_ARGUMENTS, toAudit, toSqlTools } from './server-parts.js';

// Commands read these parts of the configuration. No reference is resolved, so commands work where no secret can be had.

/**
 * The database of the project: a running server is found by it. Throws what reading the files throws, and
 * `profile_unknown`.
 */
export async function loadDatabasePath(settings: ServerSettings): Promise<string> {
  const active = await loadActive(settings);
  return settings.duckdbPath ?? toSiteProfile(active).duckdb.path;
}

/** Which rows callers see. Throws as `loadDatabasePath`. */
export async function loadProtection(settings: ServerSettings): Promise<Protection> {
  const active = await loadActive(settings);
  return findProtection(active, toSiteProfile(active));
}

/** The audit log of the active profile. Throws as `loadDatabasePath`. */
export async function loadAuditConfig(settings: ServerSettings) {
  const { audit } = toSiteProfile(await loadActive(settings));
  return toAudit({ ...audit, enabled: settings.auditEnabled ?? audit.enabled });
}

async function loadActive(settings: ServerSettings): Promise<ActiveTemplate> {
  return chooseProfile(await loadConfigTemplate(settings), undefined);
}

/** The profiles of both files. Throws `profile_unknown` if one is named that is in neither, and what reading the files throws. */
export async function loadProfileNames(settings: ServerSettings): Promise<readonly string[]> {
  const template = await loadConfigTemplate(settings);
  if (settings.profile !== undefined) chooseProfile(template, undefined);
  return profileNames(template, template.site.project);
}

/** The rules of the SQL tools, with their places. Throws what reading the files throws, and for a rule with a mistake. */
export async function loadSqlToolPolicies(settings: ServerSettings) {
  const { site, siteSource } = await loadConfigTemplate(settings);
  const written = site.sql_tools.policies;
  const compiled = written && (await compileSqlToolPolicies(written, { siteSource }));
  const placeOf = (direction: 'input' | 'output', index: number) =>
    siteSource.positionOf(['sql_tools', 'policies', direction, index, 'condition']);
  return { policies: compiled?.policies, parameters: SQL_TOOL_ARGUMENTS, placeOf };
}

// The functions below read one section of `mxcp-site.yml` and ignore errors in others. They throw `config_not_found` and `config_invalid`.

const shown = { title: true, description: true, instructions: true, website_url: true, icons: true } as const;
const shownSection = z.object(siteSchema.pick(shown).shape);

/** What clients show of a server, and tell their models about it. */
export async function loadPresentation({ siteFile, projectRoot }: ServerSettings) {
  const { source, value } = await loadSection(siteFile, shownSection);
  const images = await loadIcons(value, source, projectRoot);
  if (images.problems.length > 0) throw invalidConfig(images.problems);
  return toPresentation({ site: value, icons: images.icons });
}

const groupsSection = z.object(siteSchema.pick({ groups: true }).shape);

export async function loadGroupRules({ siteFile }: Pick<ServerSettings, 'siteFile'>): Promise<GroupRules> {
  const { source, value } = await loadSection(siteFile, groupsSection);
  return toGroupRules(value.groups, source, toCacheRule);
}

const foldersSection = z.object(siteSchema.pick({ paths: true }).shape);
const sqlToolsSection = z.object(siteSchema.pick({ sql_tools: true }).shape);

/** Where the endpoints are, and which names they must leave free. */
export async function loadEndpointFolders(settings: ServerSettings) {
  const { siteFile, projectRoot } = settings;
  const { source, value } = await loadSection(siteFile, foldersSection);
  const tools = checkSchema({ schema: sqlToolsSection, source, value: source.value });
  const sqlTools = toSqlTools((tools.ok ? tools.value : sqlToolsSection.parse({})).sql_tools, projectRoot);
  const enabled = settings.sqlTools ?? sqlTools.enabled;
  return { projectRoot, paths: toPaths(value.paths, projectRoot), sqlTools: { ...sqlTools, enabled } };
}

async function loadSection<T>(
  siteFile: string,
  schema: z.ZodType<T>,
): Promise<{ readonly source: YamlSource; readonly value: T }> {
  const { source, problems } = await loadYamlMapping(siteFile, {
    whenMissing: 'put it back',
    ledger: new FileLedger(),
  });
  if (source === undefined) throw invalidConfig(problems);
  const check = checkSchema({ schema, source, value: source.value });
  if (!check.ok) throw invalidConfig(check.problems);
  return { source, value: check.value };
}
