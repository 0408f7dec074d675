/** What one caller may take. Small numbers: the callers are a handful of local tools. */
export interface AdminLimits {
  readonly bodyBytes: number;
  readonly headerBytes: number;
  readonly headersTimeoutMs: number;
  readonly requestTimeoutMs: number;
  readonly keepAliveTimeoutMs: number;
  readonly connections: number;
  /** Pipelined requests of one connection that are being answered at the same time. */
  readonly requestsPerConnection: number;
  /** How long `close` lets answers that are on their way arrive. */
  readonly closeGraceMs: number;
}

export const DEFAULT_LIMITS: AdminLimits = {
  bodyBytes: 64 * 1024,
  headerBytes: 16 * 1024,
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 30_000,
  keepAliveTimeoutMs: 5_000,
  connections: 64,
  requestsPerConnection: 16,
  closeGraceMs: 1_000,
};
