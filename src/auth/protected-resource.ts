import { GROUP_NAME } from '../config/index.js';
import { isLoopbackHost, type WebRoute } from '../http/index.js';

export interface ProtectedResourceOptions {
  /** How clients reach the server, without `/mcp`; undefined if they reach the port itself. */
  readonly publicUrl: string | undefined;
  /** Of the listener, which may have taken a free one. */
  readonly port: () => number;
  /** For people who decide whether to grant access. */
  readonly name: string;
  /** The issuers whose tokens give access, for a request with this `Host`. */
  readonly authorizationServers: (host: string) => readonly string[] | Promise<readonly string[]>;
  /** Every scope that some operation needs, of a group if one is named. */
  readonly scopes: (group: string | undefined) => readonly string[];
  /** The groups of the current generation, each of which is a resource of its own below this one. */
  readonly groups: () => readonly string[];
}

const WELL_KNOWN = '/.well-known/oauth-protected-resource';
const LAST_STEP = new RegExp(`^(.*)/(${GROUP_NAME})$`);

/**
 * This server as clients and authorization servers name it, and its metadata (RFC 9728). Names never come from a request: otherwise a token
 * for another server would be good here. Only a client on this machine chooses among the names of loopback.
 */
export class ProtectedResource {
  readonly #options: ProtectedResourceOptions;
  readonly #public: { readonly origin: string; readonly path: string } | undefined;

  constructor(options: ProtectedResourceOptions) {
    this.#options = options;
    if (options.publicUrl === undefined) return;
    const { origin, pathname } = new URL(options.publicUrl);
    const path = pathname.replace(/\/+$/, '');
    this.#public = { origin, path: path.endsWith('/mcp') ? path : `${path}/mcp` };
  }

  /** The origin of this server for a request with this `Host`. */
  originFor(host: string): string {
    if (this.#public !== undefined) return this.#public.origin;
    const port = this.#options.port();
    const [, name = ''] = /^(.*):(\d+)$/.exec(host) ?? [];
    const isOwn = isLoopbackHost(name) && host.toLowerCase() === `${name.toLowerCase()}:${port}`;
    return `http://${isOwn ? host.toLowerCase() : `localhost:${port}`}`;
  }

  urlFor(host: string, group?: string): string {
    return `${this.originFor(host)}${this.#pathOf(group)}`;
  }

  /**
   * Every name by which a token may say that it is for this server, or for this group of it. A token for the server is good for each group,
   * which is a part of it; one for a group is good nowhere else.
   */
  names(group?: string): readonly string[] {
    const isKnown = group !== undefined && this.#options.groups().includes(group);
    const all = this.#origins.map((origin) => `${origin}${this.#path}`);
    return isKnown ? [...all, ...all.map((name) => `${name}/${group}`)] : all;
  }

  /** Every name for which tokens may be asked. */
  get allNames(): readonly string[] {
    const all = this.names();
    return [...all, ...this.#options.groups().flatMap((group) => all.map((name) => `${name}/${group}`))];
  }

  metadataUrlFor(host: string, group?: string): string {
    return `${this.originFor(host)}${WELL_KNOWN}${this.#pathOf(group)}`;
  }

  /** The metadata where clients look for it: with the path of the resource behind the well-known one, and without. */
  get routes(): readonly WebRoute[] {
    const paths = new Set([`${WELL_KNOWN}${this.#path}`, `${WELL_KNOWN}/mcp`, WELL_KNOWN]);
    return [...paths].map((path) => this.#toRoute(path));
  }

  /**
   * The same of a group. A client needs it before it may know which groups there are, so it is there for any name; only a server without
   * groups has none.
   */
  groupRoute(path: string): WebRoute | undefined {
    if (this.#options.groups().length === 0) return undefined;
    const [, of, group] = LAST_STEP.exec(path) ?? [];
    const isOfGroup = of === `${WELL_KNOWN}${this.#path}` || of === `${WELL_KNOWN}/mcp`;
    return isOfGroup ? this.#toRoute(path, group) : undefined;
  }

  #toRoute(path: string, group?: string): WebRoute {
    return {
      path,
      methods: ['GET'],
      isOpenToPages: true,
      answer: async ({ host }) => Response.json(await this.#metadata(host, group)),
    };
  }

  get #origins(): readonly string[] {
    if (this.#public !== undefined) return [this.#public.origin];
    return ['localhost', '127.0.0.1', '[::1]'].map((host) => `http://${host}:${this.#options.port()}`);
  }

  #pathOf(group: string | undefined): string {
    return group === undefined ? this.#path : `${this.#path}/${group}`;
  }

  get #path(): string {
    return this.#public?.path ?? '/mcp';
  }

  async #metadata(host: string, group: string | undefined): Promise<object> {
    const { name, authorizationServers, scopes } = this.#options;
    const supported = scopes(group);
    return {
      resource: this.urlFor(host, group),
      ['authorization_servers']: await authorizationServers(host),
      ...(supported.length > 0 && { ['scopes_supported']: supported }),
      ['bearer_methods_supported']: ['header'],
      ['resource_name']: name,
    };
  }
}
