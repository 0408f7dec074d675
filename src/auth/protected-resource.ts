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
  /** Every scope that some operation needs. */
  readonly scopes: () => readonly string[];
}

const WELL_KNOWN = '/.well-known/oauth-protected-resource';

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

  urlFor(host: string): string {
    return `${this.originFor(host)}${this.#path}`;
  }

  /** Every name by which a token may say that it is for this server. */
  get names(): readonly string[] {
    if (this.#public !== undefined) return [`${this.#public.origin}${this.#public.path}`];
    const port = this.#options.port();
    return ['localhost', '127.0.0.1', '[::1]'].map((host) => `http://${host}:${port}${this.#path}`);
  }

  metadataUrlFor(host: string): string {
    return `${this.originFor(host)}${WELL_KNOWN}${this.#path}`;
  }

  /** The metadata where clients look for it: with the path of the resource behind the well-known one, and without. */
  get routes(): readonly WebRoute[] {
    const paths = new Set([`${WELL_KNOWN}${this.#path}`, `${WELL_KNOWN}/mcp`, WELL_KNOWN]);
    return [...paths].map((path) => ({
      path,
      methods: ['GET'],
      isOpenToPages: true,
      answer: async ({ host }) => Response.json(await this.#metadata(host)),
    }));
  }

  get #path(): string {
    return this.#public?.path ?? '/mcp';
  }

  async #metadata(host: string): Promise<object> {
    const { name, authorizationServers, scopes } = this.#options;
    const supported = scopes();
    return {
      resource: this.urlFor(host),
      ['authorization_servers']: await authorizationServers(host),
      ...(supported.length > 0 && { ['scopes_supported']: supported }),
      ['bearer_methods_supported']: ['header'],
      ['resource_name']: name,
    };
  }
}
