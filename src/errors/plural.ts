/** A count with its noun, for a message: `1 file`, `2 files`. Only for nouns that take an `s`. */
export function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
