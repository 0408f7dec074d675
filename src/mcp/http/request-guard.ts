export interface GuardOptions {
  /** The address the listener is bound to, as configured. */
  readonly host: string;
  readonly allowedHosts: readonly string[];
  readonly allowedOrigins: readonly string[];
}

export interface GuardedHeaders {
  readonly host?: string | undefined;
  readonly origin?: string | undefined;
}

/**
 * Decides whether a page in somebody's browser may be behind a request (DNS rebinding, cross-site requests). Loopback hosts
 * are always fine; a listener bound to loopback answers to no others but `allowedHosts`, and one bound wider to all
 * others unless `allowedHosts` says which.
 */
export class RequestGuard {
  readonly #anyHost: boolean;
  readonly #allowedHosts: ReadonlySet<string>;
  readonly #allowedOrigins: ReadonlySet<string>;

  constructor(options: GuardOptions) {
    this.#anyHost = options.allowedHosts.length === 0 && !isLoopbackHost(options.host);
    this.#allowedHosts = new Set(options.allowedHosts.map((host) => host.toLowerCase()));
    this.#allowedOrigins = new Set(options.allowedOrigins.map(normalizedOrigin));
  }

  /** What is wrong with the request, or `undefined`. */
  refusalOf({ host, origin }: GuardedHeaders): string | undefined {
    if (!this.#allowsHost(host)) return 'This server does not answer to that Host';
    if (origin !== undefined && !this.#allowsOrigin(origin, host)) return 'This Origin is not allowed';
    return undefined;
  }

  #allowsHost(host: string | undefined): boolean {
    const name = hostnameOf(host);
    if (host === undefined || name === undefined) return false;
    if (this.#anyHost || isLoopbackHost(name)) return true;
    return this.#allowedHosts.has(name) || this.#allowedHosts.has(host.toLowerCase());
  }

  /** A page from this machine may use a server on this machine; any other page must be listed. */
  #allowsOrigin(origin: string, host: string | undefined): boolean {
    if (this.#allowedOrigins.has(normalizedOrigin(origin))) return true;
    const page = URL.canParse(origin) ? new URL(origin).hostname : '';
    return isLoopbackHost(page) && isLoopbackHost(hostnameOf(host) ?? '');
  }
}

/** `localhost`, 127.0.0.0/8 and `::1`, with or without brackets. */
export function isLoopbackHost(host: string): boolean {
  return /^(localhost|127(\.\d{1,3}){3}|::1|\[::1\])$/i.test(host);
}

/** The name in a Host header, lower-case, without the port; `undefined` when it is not one. */
function hostnameOf(host: string | undefined): string | undefined {
  const match = /^(\[[\da-f:.]+\]|[a-z\d._-]+)(:\d{1,5})?$/i.exec(host ?? '');
  return match?.[1]?.toLowerCase();
}

function normalizedOrigin(origin: string): string {
  return origin.toLowerCase().replace(/\/$/, '');
}
