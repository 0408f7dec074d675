import { MxcpError } from '../errors/index.js';

export interface CallerHeaders {
  readonly httpVersion: string;
  /** Every value that was sent, in order. */
  readonly host: readonly string[];
  readonly origin: readonly string[];
  readonly referer: readonly string[];
  readonly authority: string | undefined;
}

const NAME_WITHOUT_DOT = /^[a-z0-9_-]*$/i;
const LOOPBACK_V4 = /^127(?:\.\d{1,3}){3}$/;

/**
 * Refuses what a browser may have been talked into: a page of somebody else that reaches a forwarded socket must not be
 * able to reload the server. Throws `bad_request` and `forbidden_origin`.
 */
export function assertTrustedCaller(headers: CallerHeaders): void {
  const [host, ...more] = headers.host;
  if (more.length > 0) throw new MxcpError('bad_request', 'the request has more than one Host header');
  if (host === undefined && headers.httpVersion === '1.1') {
    throw new MxcpError('bad_request', 'the request has no Host header, which HTTP/1.1 requires');
  }
  for (const authority of [host, headers.authority]) {
    if (authority !== undefined && !isLocalHost(authority)) throw foreign('Host', authority);
  }
  for (const origin of headers.origin) {
    if (!isOwnPage(origin, host)) throw foreign('Origin', origin);
  }
  for (const referer of headers.referer) {
    if (!isOwnPage(referer, host)) throw foreign('Referer', referer);
  }
}

/** A loopback address, or a name without a dot: no public name is one, so no page can have it. */
export function isLocalHost(host: string): boolean {
  const parts = /^(\[[^\]]*\]|[^:]*)(?::\d{0,5})?$/.exec(host.trim());
  const name = parts?.[1];
  if (name === undefined) return false;
  return NAME_WITHOUT_DOT.test(name) || LOOPBACK_V4.test(name) || name === '[::1]';
}

function isOwnPage(page: string, host: string | undefined): boolean {
  if (host === undefined || host === '') return false;
  const own = originOf(`http://${host}`);
  return own !== undefined && originOf(page) === own;
}

function originOf(url: string): string | undefined {
  return URL.canParse(url) ? new URL(url).origin : undefined;
}

function foreign(header: string, value: string): MxcpError {
  return new MxcpError(
    'forbidden_origin',
    `${header} ${JSON.stringify(value.slice(0, 100))} may not use the admin API; use http://localhost and no page of another site`,
  );
}
