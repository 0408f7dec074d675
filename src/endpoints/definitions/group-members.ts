import type { GroupRule, ListedMember, ResolvedConfig } from '../../config/index.js';
import { formatProblem, invalidConfig, nearSuggestion, type Problem } from '../../errors/index.js';
import type { EndpointCatalog, EndpointDefinition, EndpointKind } from './endpoint-definition.js';
import { SQL_TOOL_NAMES } from './select-endpoint.js';
import { UriTemplate } from './uri-template.js';

/** What a group serves: the names of tools and prompts, and the URIs and templates of resources as clients get them. */
export type GroupMembers = Readonly<Record<'tools' | 'resources' | 'prompts', ReadonlySet<string>>>;

const KINDS = ['tool', 'resource', 'prompt'] as const;
const LISTS = { tool: 'tools', resource: 'resources', prompt: 'prompts' } as const;

/** An endpoint is a member if a list of the group names it or if it has one of the tags; an SQL tool only if the group says so. */
export function findMembers(
  rule: GroupRule,
  endpoints: EndpointCatalog['endpoints'],
  hasSqlTools: boolean,
): GroupMembers {
  const tags = new Set(rule.tags.map(({ value }) => value));
  const membersOf = (kind: EndpointKind): string[] => {
    const listed = new Set(rule[LISTS[kind]].map(({ value }) => keyOf(kind, value)));
    return endpoints
      .filter((each) => each.kind === kind && (listed.has(keyOf(kind, nameOf(each))) || hasTag(each, tags)))
      .map(nameOf);
  };
  return {
    tools: new Set([...membersOf('tool'), ...(rule.sqlTools && hasSqlTools ? SQL_TOOL_NAMES : [])]),
    resources: new Set(membersOf('resource')),
    prompts: new Set(membersOf('prompt')),
  };
}

export function isMember(members: GroupMembers, endpoint: EndpointDefinition): boolean {
  return members[LISTS[endpoint.kind]].has(nameOf(endpoint));
}

function hasTag({ tags = [] }: EndpointDefinition, wanted: ReadonlySet<string>): boolean {
  return tags.some((tag) => wanted.has(tag));
}

function nameOf(endpoint: EndpointDefinition): string {
  return endpoint.kind === 'resource' ? endpoint.uri : endpoint.name;
}

/** A URI may be written in any equivalent form. */
function keyOf(kind: EndpointKind, written: string): string {
  return kind === 'resource' ? new UriTemplate(written).shape : written;
}

/** What groups can name, and what is not theirs to take. */
interface GroupedProject extends Pick<EndpointCatalog, 'endpoints' | 'failures' | 'disabled'> {
  readonly hasSqlTools: boolean;
  /** Of `--health-path`. */
  readonly healthPath: string | undefined;
}

/**
 * Finds what makes a group another one than its author meant: names that the project does not have, and groups without members. An endpoint
 * whose file has errors or that is disabled counts as one that the project has.
 */
export function findGroupProblems(
  { groups, sqlTools }: Pick<ResolvedConfig, 'groups' | 'sqlTools'>,
  { endpoints, failures, disabled }: EndpointCatalog,
  { healthPath }: Pick<GroupedProject, 'healthPath'>,
): readonly Problem[] {
  const project: GroupedProject = { endpoints, failures, disabled, hasSqlTools: sqlTools.enabled, healthPath };
  return [...groups.values()].flatMap((rule) => {
    const unknown = KINDS.flatMap((kind) => findUnknown(rule, kind, project));
    const named = [...unknown, ...findUnusedTags(rule, project)];
    return [...named, ...(named.length === 0 ? findEmpty(rule, project) : []), ...findTakenPath(rule, project)];
  });
}

interface GroupChecks extends Pick<GroupedProject, 'healthPath'> {
  /** Whether a group may be served without what it names: then problems are warnings. */
  readonly ignoreErrors: boolean;
  readonly warn: (text: string) => void;
}

/** Throws `config_invalid` with every problem of the groups. */
export function assertGroups(
  config: Parameters<typeof findGroupProblems>[0],
  catalog: EndpointCatalog,
  { healthPath, ignoreErrors, warn }: GroupChecks,
): void {
  const problems = findGroupProblems(config, catalog, { healthPath });
  if (problems.length === 0) return;
  if (!ignoreErrors) throw invalidConfig(problems);
  for (const problem of problems) warn(formatProblem(problem));
}

function findUnknown(rule: GroupRule, kind: EndpointKind, project: GroupedProject): readonly Problem[] {
  const known = project.endpoints.filter((each) => each.kind === kind);
  const names = known.map(nameOf);
  const keys = new Set(names.map((name) => keyOf(kind, name)));
  const others = [...project.failures, ...project.disabled].flatMap((each) => (each.kind === kind ? each.name : []));
  return rule[LISTS[kind]]
    .filter(({ value }) => !keys.has(keyOf(kind, value)) && !others.includes(value))
    .map((listed) =>
      problemAt(listed, `${whyUnknown(kind, listed.value, project)}${nearSuggestion(listed.value, names)}`),
    );
}

function whyUnknown(kind: EndpointKind, value: string, { endpoints }: GroupedProject): string {
  if (kind === 'tool' && SQL_TOOL_NAMES.includes(value))
    return `"${value}" is an SQL tool; write \`sql_tools: true\` instead`;
  const other = endpoints.find((each) => each.name === value);
  if (other?.kind === 'resource' && kind === 'resource') return `a resource is listed by its URI; write "${other.uri}"`;
  if (other !== undefined) return `"${value}" is a ${other.kind}; list it in \`${LISTS[other.kind]}\``;
  return `the project has no ${kind} "${value}"`;
}

function findUnusedTags({ tags }: GroupRule, { endpoints, failures }: GroupedProject): readonly Problem[] {
  // A file with errors may have any tag.
  if (failures.length > 0) return [];
  const used = new Set(endpoints.flatMap((each) => each.tags ?? []));
  return tags
    .filter(({ value }) => !used.has(value))
    .map((tag) => problemAt(tag, `no endpoint has the tag "${tag.value}"${nearSuggestion(tag.value, [...used])}`));
}

function findEmpty(rule: GroupRule, { endpoints, failures, hasSqlTools }: GroupedProject): readonly Problem[] {
  const { tools, resources, prompts } = findMembers(rule, endpoints, hasSqlTools);
  // What has errors may be a member.
  if (failures.length > 0 || tools.size + resources.size + prompts.size > 0) return [];
  const isNamed = [rule.tags, rule.tools, rule.resources, rule.prompts].some((list) => list.length > 0);
  const why = isNamed
    ? ', because its endpoints are disabled'
    : rule.sqlTools
      ? ', because the SQL tools are off'
      : '; give it `tags`, `tools`, `resources` or `prompts`';
  return [problemAt(rule, `the group has no members${why}`)];
}

function findTakenPath(rule: GroupRule, { healthPath = '' }: GroupedProject): readonly Problem[] {
  if (healthPath.replace(/\/$/, '') !== `/mcp/${rule.name}`) return [];
  const message = `${healthPath} is the \`--health-path\`; choose another one for it, or another name for the group`;
  return [problemAt(rule, message)];
}

function problemAt({ place }: Pick<ListedMember, 'place'>, message: string): Problem {
  const { path = '', ...position } = place();
  return { ...position, path, message: `\`${path}\`: ${message}` };
}
