/** Shorter values are left alone: replacing every `1` or `prod` would make diagnostics unreadable and protect nothing. */
const MINIMUM_LENGTH = 6;

/**
 * The net under the `Secret` type: replaces resolved secret values in diagnostics (logs, errors, events), never in
 * results of calls. Values are counted, because two generations may hold the same one: it is forgotten when the last
 * holder is disposed.
 */
export class Scrubber {
  readonly #holders = new Map<string, number>();
  #pattern: RegExp | undefined;

  /** Returns the function that forgets these values again. */
  register(values: Iterable<string>): () => void {
    const long = [...values].filter((value) => value.length >= MINIMUM_LENGTH);
    const held = [...new Set(long.flatMap(linesOf).flatMap(spellings))];
    for (const value of held) this.#holders.set(value, (this.#holders.get(value) ?? 0) + 1);
    this.#rebuild();
    let forgotten = false;
    return () => {
      if (forgotten) return;
      forgotten = true;
      for (const value of held) this.#forget(value);
      this.#rebuild();
    };
  }

  scrub(text: string): string {
    return this.#pattern === undefined ? text : text.replace(this.#pattern, '[secret]');
  }

  #forget(value: string): void {
    const holders = (this.#holders.get(value) ?? 0) - 1;
    if (holders > 0) this.#holders.set(value, holders);
    else this.#holders.delete(value);
  }

  #rebuild(): void {
    // Longest first, so that a value that contains another is replaced whole.
    const values = [...this.#holders.keys()].sort((a, b) => b.length - a.length);
    this.#pattern = values.length === 0 ? undefined : new RegExp(values.map(escapeRegExp).join('|'), 'g');
  }
}

/** A value of several lines, such as a key, and each of them: an error may quote just the one it failed on. */
function linesOf(value: string): string[] {
  const lines = value.split(/\r?\n/).filter((line) => line.trim().length >= MINIMUM_LENGTH);
  return [value, ...lines];
}

/** A value as it may appear inside JSON text, URLs and SQL as well as plain. */
function spellings(value: string): string[] {
  const inJson = JSON.stringify(value).slice(1, -1);
  // JSON within JSON, as when a line quotes a body: each level escapes once more.
  const inQuotedJson = JSON.stringify(inJson).slice(1, -1);
  // Half a surrogate pair has no URL encoding; what a request then carries is the replacement character.
  const inSql = value.replaceAll("'", "''");
  const inUrl = encodeURIComponent(Buffer.from(value).toString());
  return [value, inJson, inQuotedJson, inUrl, inSql, JSON.stringify(inSql).slice(1, -1)];
}

function escapeRegExp(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
