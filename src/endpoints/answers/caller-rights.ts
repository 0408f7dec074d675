import type { Caller } from '../../caller/index.js';

/** What rules can read of a caller beside the user and the scopes, as text. */
export function rightsOf({ role, permissions, capabilities, email, name }: Caller): string {
  return JSON.stringify([role, permissions.toSorted(), capabilities.toSorted(), email, name]);
}

const HEADER_BY_NAME = /\bget_request_header\s*\(\s*'([^']*)'\s*\)/gi;
const HEADERS = /\bget_request_header/i;
/** Those that differ with every call. */
const PER_CALL: ReadonlySet<string> = new Set(['content-length', 'traceparent', 'tracestate']);
const TOKEN = /\bget_user_external_token\b/i;

/** What SQL reads of the request of a call. Where it does not say plainly which header, it may be any. */
export function requestPartsOf(sql: string, { requestHeaders = {}, externalToken }: Caller): readonly unknown[] {
  const names = [...sql.matchAll(HEADER_BY_NAME)].map(([, name = '']) => name.toLowerCase());
  const readsAny = HEADERS.test(sql.replaceAll(HEADER_BY_NAME, ''));
  const all = Object.entries(requestHeaders).filter(([name]) => !PER_CALL.has(name) || names.includes(name));
  const headers = readsAny ? Object.fromEntries(all) : names.map((name) => requestHeaders[name] ?? null);
  return [headers, TOKEN.test(sql) ? externalToken : null];
}
