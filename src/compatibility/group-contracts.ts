import { z } from 'zod';
import type { GroupRules } from '../config/index.js';
import { type EndpointCatalog, findMembers } from '../endpoints/index.js';

const text = z.string().optional();
const members = z.array(z.string());

export const groupSchema = z.object({
  name: z.string(),
  description: text,
  instructions: text,
  tools: members,
  /** URIs and templates. */
  resources: members,
  prompts: members,
});

/** What clients of a group get. */
export type GroupContract = z.infer<typeof groupSchema>;

/** Sorted. */
export function toGroupContracts(
  rules: GroupRules,
  endpoints: EndpointCatalog['endpoints'],
  hasSqlTools: boolean,
): readonly GroupContract[] {
  const groups = [...rules.values()].map((rule): GroupContract => {
    const { tools, resources, prompts } = findMembers(rule, endpoints, hasSqlTools);
    const { name, description, instructions } = rule;
    const listed = { tools: [...tools].sort(), resources: [...resources].sort(), prompts: [...prompts].sort() };
    return { name, description, instructions, ...listed };
  });
  return groups.sort((a, b) => (a.name < b.name ? -1 : 1));
}

export interface GroupChange {
  readonly isBreaking: boolean;
  readonly name: string;
  readonly code: string;
  readonly location: string | null;
  readonly message: string;
}

/** `isServed` says of an endpoint whether the project still has it: one that is gone altogether has a change of its own. */
export function compareGroups(
  [from, to]: readonly [readonly GroupContract[], readonly GroupContract[]],
  isServed: (list: MemberList, name: string) => boolean,
): GroupChange[] {
  const after = new Map(to.map((group) => [group.name, group]));
  const before = new Set(from.map(({ name }) => name));
  const changes = from.flatMap((old) => {
    const now = after.get(old.name);
    const gone = {
      isBreaking: true,
      code: 'removed',
      location: null,
      message: 'was removed; clients that connect to it fail',
    };
    const found = now === undefined ? [gone] : compareMembers([old, now], isServed);
    return found.map((change) => ({ ...change, name: old.name }));
  });
  const added = to.filter(({ name }) => !before.has(name));
  const isNew = { isBreaking: false, code: 'added', location: null, message: 'is new' };
  return [...changes, ...added.map(({ name }) => ({ ...isNew, name }))];
}

const LISTS = { tools: 'tool', resources: 'resource', prompts: 'prompt' } as const;
type MemberList = keyof typeof LISTS;

function compareMembers(
  [old, now]: readonly [GroupContract, GroupContract],
  isServed: (list: MemberList, name: string) => boolean,
): Omit<GroupChange, 'name'>[] {
  const of = (list: MemberList): Omit<GroupChange, 'name'>[] => {
    const label = (name: string): string => (list === 'resources' ? `resource ${name}` : `${LISTS[list]} "${name}"`);
    const left = old[list].filter((name) => !now[list].includes(name) && isServed(list, name));
    const joined = now[list].filter((name) => !old[list].includes(name));
    return [
      ...left.map((name) => {
        const message = `no longer has ${label(name)}; clients of the group that use it fail`;
        return { isBreaking: true, code: 'member_removed', location: name, message };
      }),
      ...joined.map((name) => {
        return { isBreaking: false, code: 'member_added', location: name, message: `has ${label(name)} now` };
      }),
    ];
  };
  const texts = (['description', 'instructions'] as const).filter((key) => old[key] !== now[key]);
  return [
    ...of('tools'),
    ...of('resources'),
    ...of('prompts'),
    ...texts.map((key) => {
      const message = key === 'instructions' ? 'has other instructions' : 'has another description';
      return { isBreaking: false, code: key, location: null, message };
    }),
  ];
}
