import { errorCodeOf } from '../../../errors/index.js';

/** Why there is no answer, in words that go behind the name of the peer. Never quotes what was sent or received. */
export class ExchangeFailure extends Error {
  /** The same request may go well in a moment. */
  readonly isPassing: boolean;

  constructor(reason: string, isPassing: boolean, options?: ErrorOptions) {
    super(reason, options);
    this.isPassing = isPassing;
  }
}

const PASSING: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'refuses connections; start it, or correct its address',
  ECONNRESET: 'closed the connection without an answer',
  EPIPE: 'closed the connection without an answer',
  EAI_AGAIN: 'has a host name that the name server did not answer for',
  EHOSTUNREACH: 'cannot be reached; look at the network and at its address',
  ENETUNREACH: 'cannot be reached; look at the network and at its address',
  ETIMEDOUT: 'cannot be reached; look at the network and at its address',
  ENOENT: 'has no socket there; start it, or correct its address',
};

const LASTING: Readonly<Record<string, string>> = {
  ENOTFOUND: 'has a host name that is not known; correct its address',
  EACCES: 'has a socket that this user may not use',
  EPROTO: 'does not speak TLS there; should its address begin with `http://`?',
  ERR_SSL_WRONG_VERSION_NUMBER: 'does not speak TLS there; should its address begin with `http://`?',
  ERR_SSL_PACKET_LENGTH_TOO_LONG: 'does not speak TLS there; should its address begin with `http://`?',
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED:
    'asks for a client certificate; set `client_cert` and `client_key`',
  ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE: 'refuses TLS as this client speaks it',
  ERR_TLS_CERT_ALTNAME_INVALID:
    'has a certificate for another host name; correct its address, or the certificate',
};

const UNKNOWN_ISSUER = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'CERT_SIGNATURE_FAILURE',
]);

/** What Node threw for a request that got no answer. */
export function toExchangeFailure(error: unknown): ExchangeFailure {
  if (error instanceof ExchangeFailure) return error;
  const code = errorCodeOf(error) ?? 'no reason given';
  const passing = PASSING[code];
  if (passing !== undefined) return new ExchangeFailure(passing, true, { cause: error });
  return new ExchangeFailure(lastingReason(code), false, { cause: error });
}

function lastingReason(code: string): string {
  const known = LASTING[code];
  if (known !== undefined) return known;
  if (UNKNOWN_ISSUER.has(code))
    return 'has a certificate of an issuer that is not trusted here; set `ca_cert` to the file of its CA';
  if (code === 'CERT_HAS_EXPIRED') return `has a certificate that is no longer valid${byThisClock()}`;
  if (code === 'CERT_NOT_YET_VALID') return `has a certificate that is not valid yet${byThisClock()}`;
  if (code.startsWith('HPE_')) return 'does not speak HTTP there; correct its address';
  return `cannot be asked (${code})`;
}

/** A certificate is judged by our clock, which may be what is wrong. */
function byThisClock(): string {
  return `: the clock of this machine says ${new Date().toISOString()}; set the clock, or renew the certificate`;
}
