import { z } from 'zod';
import type { Problem } from '../errors/index.js';
import { text } from '../secrets/index.js';
import { hints, type KeyPath, toDotted, type YamlSource } from '../yaml/index.js';
import { cacheSchema, type DeclaredCache } from './presentation.js';

/** A pattern. The name is part of a path, so that no name needs to be encoded, or can be taken for another one. */
export const GROUP_NAME = '[a-z0-9][a-z0-9_-]{0,62}';
const WHOLE_NAME = new RegExp(`^${GROUP_NAME}$`);

const names = z.array(text).default([]);

const group = z
  .strictObject({
    description: text.optional(),
    instructions: text.optional(),
    tags: names,
    tools: names,
    resources: names,
    prompts: names,
    sql_tools: z.boolean().default(false),
    cache: cacheSchema.optional(),
  })
  .register(hints, {
    keys: { tag: 'tags', tool: 'tools', resource: 'resources', uris: 'resources', prompt: 'prompts', sql: 'sql_tools' },
    hint: (written) =>
      Array.isArray(written)
        ? 'write what its endpoints have in common: `tags: [finance]`, or list `tools`'
        : undefined,
  });

/** `groups` of the site file: what clients get at `/mcp/{name}`. */
export const groupsSchema = z.record(z.string(), group).superRefine((groups, context) => {
  const message =
    'must have a name of at most 63 of a-z, 0-9, "_" and "-" that begins with a letter or digit: it is part of a path';
  for (const name of Object.keys(groups))
    if (!WHOLE_NAME.test(name)) context.addIssue({ code: 'custom', path: [name], message });
});

/** An entry of a list, and where it is written. */
export interface ListedMember {
  readonly value: string;
  /** A function, because finding a position takes a second parse. */
  readonly place: () => Omit<Problem, 'message'>;
}

/** Which endpoints a group has, and what its clients learn of it. */
export interface GroupRule {
  readonly name: string;
  readonly description: string | undefined;
  /** In place of those of the site file. */
  readonly instructions: string | undefined;
  readonly tags: readonly ListedMember[];
  readonly tools: readonly ListedMember[];
  /** URIs and templates. */
  readonly resources: readonly ListedMember[];
  readonly prompts: readonly ListedMember[];
  readonly sqlTools: boolean;
  /** Undefined where the one of the site file applies. */
  readonly cache: DeclaredCache | undefined;
  readonly place: ListedMember['place'];
}

/** By name. */
export type GroupRules = ReadonlyMap<string, GroupRule>;

export function toGroupRules(
  written: z.output<typeof groupsSchema>,
  source: Pick<YamlSource, 'positionOf' | 'positionOfKey'>,
  toCacheRule: (cache: z.output<typeof cacheSchema>) => DeclaredCache,
): GroupRules {
  const toRule = ([name, each]: readonly [string, z.output<typeof group>]) => {
    const cache = each.cache && toCacheRule(each.cache);
    return [name, { ...toMembership(name, each, source), cache }] as const;
  };
  return new Map(Object.entries(written).map(toRule));
}

function toMembership(
  name: string,
  written: z.output<typeof group>,
  source: Pick<YamlSource, 'positionOf' | 'positionOfKey'>,
): Omit<GroupRule, 'cache'> {
  const path: KeyPath = ['groups', name];
  const listed = (key: 'tags' | 'tools' | 'resources' | 'prompts'): readonly ListedMember[] =>
    written[key].map((value, index) => {
      const at = [...path, key, index];
      return { value, place: () => ({ ...source.positionOf(at), path: toDotted(at) }) };
    });
  return {
    name,
    description: written.description,
    instructions: written.instructions,
    tags: listed('tags'),
    tools: listed('tools'),
    resources: listed('resources'),
    prompts: listed('prompts'),
    sqlTools: written.sql_tools,
    place: () => ({ ...source.positionOfKey(path), path: toDotted(path) }),
  };
}
