import { MxcpError } from '../../errors/index.js';

export interface RequestTarget {
  /** As it was sent: nothing is decoded or normalised, so `/../health` and `/%68ealth` are simply unknown. */
  readonly path: string;
  /** Without the question mark. */
  readonly search: string;
  /** Of the absolute form (`GET http://localhost/health`), which proxies send. */
  readonly authority: string | undefined;
}

/** Throws `bad_request` for a target that is neither a path nor an `http://` URL. */
export function parseRequestTarget(url: string): RequestTarget {
  const absolute = /^http:\/\/([^/?#]*)(.*)$/is.exec(url);
  const rest = absolute === null ? url : absolute[2] || '/';
  if (!rest.startsWith('/') && !(absolute !== null && rest.startsWith('?'))) {
    throw new MxcpError(
      'bad_request',
      'the request target must be a path such as /status, or an http:// URL with one',
    );
  }
  const mark = rest.indexOf('?');
  const path = mark === -1 ? rest : rest.slice(0, mark);
  return {
    path: path === '' ? '/' : path,
    search: mark === -1 ? '' : rest.slice(mark + 1),
    authority: absolute?.[1],
  };
}
