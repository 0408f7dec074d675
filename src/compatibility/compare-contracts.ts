import { isDeepStrictEqual } from 'node:util';
import { UriTemplate } from '../endpoints/index.js';
import { SITE_FILE_NAME } from '../settings/index.js';
import { compareBehaviour } from './call-behaviour.js';
import { compareSchemas } from './compare-schemas.js';
import type { Contract, PromptContract, ResourceContract, ToolContract } from './contract.js';
import { compareGroups } from './group-contracts.js';
import { breaksClients, describeChange, type Side } from './schema-changes.js';
import { withoutNotes } from './schema-forms.js';

/** One difference between two contracts. */
export interface ContractChange {
  /** Whether a client that worked with the old contract may fail with the new one. */
  readonly isBreaking: boolean;
  readonly kind: 'server' | 'group' | 'tool' | 'resource' | 'prompt';
  /** In the old contract if it was there: the name, or the URI of a resource; of the server, its file. */
  readonly name: string;
  readonly code: string;
  /** `parameters.address.zip`, `return.total`; null for the endpoint itself. */
  readonly location: string | null;
  readonly message: string;
}

type Finding = Omit<ContractChange, 'kind' | 'name'>;

/** All differences, first those that break clients, then by kind and name. */
export function compareContracts(from: Contract, to: Contract): ContractChange[] {
  const changes = [
    ...compareServers(from.server, to.server),
    ...compareGroups([from.groups ?? [], to.groups ?? []], isServedBy(to)).map(
      (change): ContractChange => ({ ...change, kind: 'group' }),
    ),
    ...compareLists('tool', [from.tools, to.tools], TOOLS),
    ...compareLists('resource', [from.resources, to.resources], RESOURCES),
    ...compareLists('prompt', [from.prompts, to.prompts], PROMPTS),
  ];
  return changes.sort((a, b) => Number(b.isBreaking) - Number(a.isBreaking));
}

function isServedBy(contract: Contract): Parameters<typeof compareGroups>[1] {
  const served = {
    tools: new Set(contract.tools.map(({ name }) => name)),
    resources: new Set(contract.resources.map(({ uri }) => uri)),
    prompts: new Set(contract.prompts.map(({ name }) => name)),
  };
  return (list, name) => served[list].has(name);
}

/** Only what people and models read. */
function compareServers(from: Contract['server'], to: Contract['server']): ContractChange[] {
  if (from === undefined || to === undefined) return [];
  const texts = compareTexts(from, to);
  const changed = (['instructions', 'websiteUrl'] as const).filter((key) => from[key] !== to[key]);
  const more = changed.map((key) =>
    compatible(key, key === 'instructions' ? 'has other instructions' : 'has another page'),
  );
  return [...texts, ...more].map((finding) => ({ ...finding, kind: 'server', name: SITE_FILE_NAME }));
}

/** How the endpoints of one kind are compared. */
interface Comparison<T> {
  /** By which clients know an endpoint. */
  readonly keyOf: (endpoint: T) => string;
  readonly nameOf: (endpoint: T) => string;
  /** Whether one that disappeared and one that appeared are the same under another name. */
  readonly isSame: (from: T, to: T) => boolean;
  readonly compare: (from: T, to: T) => Finding[];
}

const TOOLS: Comparison<ToolContract> = {
  keyOf: ({ name }) => name,
  nameOf: ({ name }) => name,
  isSame: (from, to) => {
    const of = (tool: ToolContract) => [withoutNotes(tool.inputSchema), withoutNotes(tool.outputSchema)];
    const isPlain = !hasMembers(from.inputSchema) && from.outputSchema === undefined;
    return isDeepStrictEqual(of(from), of(to)) && (!isPlain || hasSameText(from, to));
  },
  compare: (from, to) => [
    ...compareInput(from, to),
    ...compareOutput(from, to),
    ...comparePromises(from, to),
    ...compareBehaviour(from, to),
    ...compareTexts(from, to),
  ],
};

const RESOURCES: Comparison<ResourceContract> = {
  keyOf: ({ uri }) => new UriTemplate(uri).shape,
  nameOf: ({ uri }) => uri,
  isSame: (from, to) =>
    from.mimeType === to.mimeType && ((from.name === to.name && from.name !== from.uri) || hasSameText(from, to)),
  compare: (from, to) => [
    ...(from.mimeType === to.mimeType
      ? []
      : [
          breaking(
            'mime_type',
            `its type is "${to.mimeType ?? 'unknown'}" instead of "${from.mimeType ?? 'unknown'}"; clients read it in another way`,
          ),
        ]),
    ...(from.uri === to.uri ? [] : [compatible('uri', `its URI is written "${to.uri}" now, for the same resources`)]),
    ...(isDeepStrictEqual(from.annotations, to.annotations)
      ? []
      : [compatible('annotations', 'has other annotations')]),
    ...compareBehaviour(from, to),
    ...(from.name === to.name ? [] : [compatible('name', `its name is "${to.name}" instead of "${from.name}"`)]),
    ...compareTexts(from, to),
  ],
};

const PROMPTS: Comparison<PromptContract> = {
  keyOf: ({ name }) => name,
  nameOf: ({ name }) => name,
  isSame: (from, to) => {
    const of = (prompt: PromptContract) => prompt.arguments.map(({ name, required }) => [name, required]);
    return isDeepStrictEqual(of(from), of(to)) && (from.arguments.length > 0 || hasSameText(from, to));
  },
  compare: (from, to) => [...compareArguments(from, to), ...compareBehaviour(from, to), ...compareTexts(from, to)],
};

function hasMembers({ properties }: ToolContract['inputSchema']): boolean {
  return typeof properties === 'object' && properties !== null && Object.keys(properties).length > 0;
}

interface Described {
  readonly title?: string | undefined;
  readonly description?: string | undefined;
  readonly tags?: readonly string[] | undefined;
  readonly icons?: readonly unknown[] | undefined;
}

function hasSameText(from: Described, to: Described): boolean {
  return from.description !== undefined && from.description === to.description;
}

function compareLists<T>(
  kind: ContractChange['kind'],
  [from, to]: readonly [readonly T[], readonly T[]],
  { keyOf, nameOf, isSame, compare }: Comparison<T>,
): ContractChange[] {
  const before = new Map(from.map((each) => [keyOf(each), each]));
  const after = new Map(to.map((each) => [keyOf(each), each]));
  const removed = [...before].filter(([key]) => !after.has(key)).map(([, each]) => each);
  const added = new Set([...after].filter(([key]) => !before.has(key)).map(([, each]) => each));
  const report = (name: string, finding: Finding): ContractChange => ({ ...finding, kind, name });
  const changes = removed.map((old) => {
    const now = [...added].find((each) => isSame(old, each));
    if (now === undefined) return report(nameOf(old), breaking('removed', `was removed; clients that use it fail`));
    added.delete(now);
    return report(
      nameOf(old),
      breaking('renamed', `was renamed to "${nameOf(now)}"; clients that use the old name fail`),
    );
  });
  changes.push(...[...added].map((each) => report(nameOf(each), compatible('added', 'is new'))));
  for (const [key, old] of before) {
    const now = after.get(key);
    if (now !== undefined) changes.push(...compare(old, now).map((finding) => report(nameOf(old), finding)));
  }
  return changes.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
}

function breaking(code: string, message: string, location: string | null = null): Finding {
  return { isBreaking: true, code, location, message };
}

function compatible(code: string, message: string, location: string | null = null): Finding {
  return { isBreaking: false, code, location, message };
}

function compareInput(from: ToolContract, to: ToolContract): Finding[] {
  return toFindings(compareSchemas(from.inputSchema, to.inputSchema), 'input');
}

function compareOutput(from: ToolContract, to: ToolContract): Finding[] {
  if (from.outputSchema === undefined && to.outputSchema === undefined) return [];
  if (to.outputSchema === undefined)
    return [
      breaking('output_undeclared', 'its result is not declared any longer; clients that check it fail', 'return'),
    ];
  if (from.outputSchema === undefined) return [compatible('output_declared', 'its result is declared now', 'return')];
  return toFindings(compareSchemas(from.outputSchema, to.outputSchema), 'output');
}

function toFindings(changes: ReturnType<typeof compareSchemas>, side: Side): Finding[] {
  const root = side === 'input' ? 'parameters' : 'return';
  return changes.map((change) => ({
    isBreaking: breaksClients(change, side),
    code: change.code.replace(/^(?:keyword|note):/, ''),
    location: change.at === '' ? root : `${root}.${change.at}`,
    message: describeChange(change, side),
  }));
}

/** What annotations promise. By default, MCP assumes that a tool writes, destroys, and reaches beyond the server. */
function promisesOf({ annotations = {} }: ToolContract) {
  const isReadOnly = annotations['readOnlyHint'] === true;
  return {
    'only to read': isReadOnly,
    'not to destroy anything': isReadOnly || annotations['destructiveHint'] === false,
    'to change nothing when it is repeated': isReadOnly || annotations['idempotentHint'] === true,
    'to reach nothing outside': annotations['openWorldHint'] === false,
  };
}

function comparePromises(from: ToolContract, to: ToolContract): Finding[] {
  const old = Object.entries(promisesOf(from));
  const now = new Map(Object.entries(promisesOf(to)));
  return old.flatMap(([promise, was]) => {
    if (was === now.get(promise)) return [];
    return was
      ? [breaking('annotations', `no longer promises ${promise}; clients may ask before each call or refuse it`)]
      : [compatible('annotations', `promises ${promise} now`)];
  });
}

function compareTexts(from: Described, to: Described): Finding[] {
  const keys = ['title', 'description', 'tags', 'icons'] as const;
  const changed = keys.filter((key) => !isDeepStrictEqual(from[key], to[key]));
  return changed.map((key) => compatible(key, `has ${key.endsWith('s') ? 'other' : 'another'} ${key}`));
}

function compareArguments(from: PromptContract, to: PromptContract): Finding[] {
  const before = new Map(from.arguments.map((each) => [each.name, each]));
  const after = new Map(to.arguments.map((each) => [each.name, each]));
  return [...new Set([...before.keys(), ...after.keys()])].sort().flatMap((name) => {
    const [old, now] = [before.get(name), after.get(name)];
    const label = `argument "${name}"`;
    const report = (isBreaking: boolean, code: string, message: string): Finding[] => [
      { isBreaking, code, location: `parameters.${name}`, message: `${label} ${message}` },
    ];
    if (now === undefined) return report(true, 'member_removed', 'was removed; clients that give it are refused');
    if (old === undefined)
      return now.required
        ? report(true, 'required_member_added', 'is new and required; clients without it are refused')
        : report(false, 'member_added', 'is new and optional');
    if (now.required && !old.required)
      return report(true, 'required', 'is required now; clients without it are refused');
    if (old.required && !now.required) return report(false, 'optional', 'is optional now');
    return isDeepStrictEqual(old, now) ? [] : report(false, 'description', 'has another description');
  });
}
