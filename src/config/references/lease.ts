/** What is known of a value that a store lends; records of references have it. */
export interface Lease {
  readonly resolvedAt: Date;
  readonly leaseSeconds?: number | undefined;
  readonly fingerprint: string;
}

/** A value is fetched anew when this part of its lease is over, so that there is time left to fail in. */
const LEASE_PART = 2 / 3;

/**
 * When a value has to be fetched anew, in milliseconds since 1970; undefined for one that is no loan. Up to a tenth earlier, so
 * that many servers do not come at the same moment; always the same for one value, because its lease is looked at in two places.
 */
export function leaseDueAt({ resolvedAt, leaseSeconds, fingerprint }: Lease): number | undefined {
  if (leaseSeconds === undefined || leaseSeconds <= 0) return undefined;
  const earlier = Number.parseInt(fingerprint.slice(0, 4), 16) / 0xffff / 10;
  return resolvedAt.getTime() + leaseSeconds * 1000 * LEASE_PART * (1 - earlier);
}
