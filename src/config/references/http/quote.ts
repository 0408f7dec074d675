const MAX_QUOTED = 200;

/**
 * What a server says about an error, as it may be shown: one line, short, and without the secrets that we sent, which
 * an answer may repeat.
 */
export function quote(text: string, secrets: readonly string[]): string {
  const clean = secrets
    .filter((secret) => secret !== '')
    .reduce((rest, secret) => rest.replaceAll(secret, '[secret]'), text)
    // Control characters would let a server write into terminals and logs.
    .replaceAll(/[\p{Cc}\p{Cf}\s]+/gu, ' ')
    .trim();
  return clean.length > MAX_QUOTED ? `${clean.slice(0, MAX_QUOTED)}…` : clean;
}
