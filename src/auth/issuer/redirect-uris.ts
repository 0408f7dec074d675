import { isLoopbackHost } from '../../http/index.js';

const MAX_URI_LENGTH = 2000;
/** Schemes that browsers run, or open as something on the machine. */
const REFUSED_SCHEME =
  /^(?:javascript|data|vbscript|file|blob|about|filesystem|view-source|jar|ws|wss|ftp|mailto|tel|sms|intent|content|ms-[a-z-]+|search-ms|chrome|edge|resource|view|xmpp):/i;
const PRIVATE_SCHEME = /^[a-z][a-z\d+.-]*:/i;

/**
 * Why a client cannot be registered with this redirect URI; undefined if it can: `https`, `http` on the user's own machine, or a
 * scheme of an installed application.
 */
export function redirectUriProblem(uri: string): string | undefined {
  if (uri.length > MAX_URI_LENGTH) return `is longer than ${MAX_URI_LENGTH} characters`;
  if (/[\s\\]|[^\x21-\x7e]/.test(uri) || !URL.canParse(uri)) return 'is not an absolute URI';
  const { protocol, hostname, hash, username, password } = new URL(uri);
  if (hash !== '' || uri.includes('#')) return 'has a fragment';
  if (username !== '' || password !== '') return 'has a user name';
  if (protocol === 'https:') return undefined;
  if (protocol === 'http:')
    return isLoopbackHost(hostname) ? undefined : 'must be an `https` URL, unless it leads to the own machine';
  return PRIVATE_SCHEME.test(uri) && !REFUSED_SCHEME.test(uri) ? undefined : `has a scheme that is not accepted`;
}

/** As OAuth compares them: character by character, except for the port of an application on the user's machine (RFC 8252). */
export function isSameRedirect(registered: string, requested: string): boolean {
  if (registered === requested) return true;
  const known = loopbackParts(registered);
  const asked = loopbackParts(requested);
  return known !== undefined && known.rest === asked?.rest && known.host === asked.host;
}

function loopbackParts(uri: string): { readonly host: string; readonly rest: string } | undefined {
  const [, host = '', rest = ''] = /^http:\/\/(\[[^\]]*\]|[^:/?#@]*)(?::\d{1,5})?((?:[/?].*)?)$/.exec(uri) ?? [];
  return isLoopbackHost(host) ? { host, rest } : undefined;
}
