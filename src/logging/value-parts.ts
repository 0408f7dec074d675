/** Fewer characters of a value than these tell nothing of it, and stand at the end of many texts. */
const MINIMUM_PART = 3;

/** How a value begins and ends in the texts that are cut: what Python prints, and its errors. */
function commonSpellings(value: string): readonly string[] {
  const inJson = JSON.stringify(value).slice(1, -1);
  const inPython = value.replaceAll('\\', '\\\\').replaceAll("'", "\\'").replaceAll('\n', '\\n');
  const spellings = [
    value,
    inJson,
    JSON.stringify(inJson).slice(1, -1),
    inPython,
    value.replaceAll("'", "''"),
  ];
  return [...new Set(spellings)];
}

/** How many characters at the end of the text are the beginning of a value, but not all of it. */
export function partAtEnd(text: string, values: Iterable<string>): number {
  return longestPart(text, values, (value, length) => text.endsWith(value.slice(0, length)));
}

/** How many characters at the beginning of the text are the end of a value, but not all of it. */
export function partAtStart(text: string, values: Iterable<string>): number {
  return longestPart(text, values, (value, length) => text.startsWith(value.slice(-length)));
}

function longestPart(
  text: string,
  values: Iterable<string>,
  isPart: (value: string, length: number) => boolean,
): number {
  let longest = 0;
  for (const value of [...values].flatMap(commonSpellings)) {
    let length = Math.min(value.length - 1, text.length);
    while (length > longest && !isPart(value, length)) length -= 1;
    if (length >= MINIMUM_PART) longest = Math.max(longest, length);
  }
  return longest;
}
