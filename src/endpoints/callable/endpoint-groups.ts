import type { Caller } from '../../caller/index.js';
import type { DeclaredCache, GroupRule, ResolvedConfig } from '../../config/index.js';
import { clip, MxcpError, suggestion } from '../../errors/index.js';
import type { EndpointKind } from '../definitions/endpoint-definition.js';
import { findMembers, type GroupMembers, isMember } from '../definitions/group-members.js';
import type { CallableEndpoints, EndpointListings, EndpointSet, LimitedEndpoint } from './endpoint-set.js';

/** What the clients of a group learn of it. */
export interface ShownGroup {
  readonly description: string | undefined;
  readonly instructions: string | undefined;
  readonly cache: DeclaredCache | undefined;
}

/**
 * The endpoints of a generation as the clients of one group see them: its members, and no others. Everything else is as if the project
 * did not have it. Made of the same parts as the whole set, so that a call of a member runs as any other call of it.
 */
export class GroupedEndpoints implements CallableEndpoints {
  readonly shown: ShownGroup;
  readonly catalog: EndpointSet['catalog'];
  readonly listings: EndpointListings;
  readonly tools: EndpointSet['tools'];
  readonly prompts: EndpointSet['prompts'];
  readonly resources: Pick<EndpointSet['resources'], 'find'>;
  readonly hasLimits: boolean;
  readonly #all: EndpointSet;
  readonly #members: GroupMembers;

  constructor(all: EndpointSet, rule: GroupRule, hasSqlTools: boolean) {
    const members = findMembers(rule, all.catalog.endpoints, hasSqlTools);
    const { description, instructions, cache } = rule;
    this.shown = { description, instructions, cache };
    this.#all = all;
    this.#members = members;
    this.catalog = { ...all.catalog, endpoints: all.catalog.endpoints.filter((each) => isMember(members, each)) };
    this.listings = this.#ofMembers(all.listings);
    this.tools = new Map([...all.tools].filter(([name]) => members.tools.has(name)));
    this.prompts = new Map([...all.prompts].filter(([name]) => members.prompts.has(name)));
    // A URI leads to the same resource in every group: a template of the group does not take over that of another resource.
    this.resources = {
      find: (uri) => {
        const found = all.resources.find(uri);
        return found !== undefined && members.resources.has(found.resource.uri) ? found : undefined;
      },
    };
    this.hasLimits = all.hasLimits;
  }

  get scopes(): readonly string[] {
    return [...new Set(this.catalog.endpoints.flatMap(({ scopes }) => scopes))].sort();
  }

  get variesByCaller(): boolean {
    return this.#all.variesByCaller;
  }

  limitOf(kind: EndpointKind, called: string): LimitedEndpoint | undefined {
    const name = kind === 'resource' ? this.resources.find(called)?.resource.uri : called;
    return name !== undefined && this.#has(kind, name) ? this.#all.limitOf(kind, called) : undefined;
  }

  declaredUri(uri: string, caller?: Caller): string | undefined {
    const declared = this.#all.declaredUri(uri, caller);
    return declared !== undefined && this.#members.resources.has(declared) ? declared : undefined;
  }

  canonicalUri(uri: string): string | undefined {
    return this.declaredUri(uri) === undefined ? undefined : this.#all.canonicalUri(uri);
  }

  listingsFor(caller: Caller): EndpointListings {
    const open = this.#all.listingsFor(caller);
    return open === this.#all.listings ? this.listings : this.#ofMembers(open);
  }

  #has(kind: EndpointKind, name: string): boolean {
    const { tools, resources, prompts } = this.#members;
    return { tool: tools, resource: resources, prompt: prompts }[kind].has(name);
  }

  #ofMembers({ tools, resources, prompts }: EndpointListings): EndpointListings {
    return {
      tools: tools.filter(({ name }) => this.#has('tool', name)),
      resources: resources.filter(({ uri }) => this.#has('resource', uri)),
      prompts: prompts.filter(({ name }) => this.#has('prompt', name)),
    };
  }
}

/** The groups of one generation. */
export class EndpointGroups {
  readonly #groups: ReadonlyMap<string, GroupedEndpoints>;

  constructor(endpoints: EndpointSet, { groups, sqlTools }: Pick<ResolvedConfig, 'groups' | 'sqlTools'>) {
    const rules = [...groups.values()];
    this.#groups = new Map(rules.map((rule) => [rule.name, new GroupedEndpoints(endpoints, rule, sqlTools.enabled)]));
  }

  get names(): readonly string[] {
    return [...this.#groups.keys()];
  }

  find(name: string): GroupedEndpoints | undefined {
    return this.#groups.get(name);
  }
}

/** Throws `group_not_found`. A project without groups has no `groups` at all. */
export function groupOf(groups: EndpointGroups | undefined, name: string): GroupedEndpoints {
  const group = groups?.find(name);
  if (group === undefined) throw groupNotFound(name, groups?.names ?? []);
  return group;
}

/** `group_not_found` */
export function groupNotFound(name: string, known: readonly string[]): MxcpError {
  const rest = known.length === 0 ? '; `mxcp-site.yml` has no `groups`' : suggestion(name, known);
  return new MxcpError('group_not_found', `there is no group "${clip(name, SHOWN_NAME_LENGTH)}"${rest}`);
}

const SHOWN_NAME_LENGTH = 100;
