/** The known name that was probably meant, or `undefined` when none is close. */
export function nearestName(given: string, known: readonly string[]): string | undefined {
  const distances = known.map((name) => ({ name, distance: editDistance(given.toLowerCase(), name) }));
  const closest = distances.sort((a, b) => a.distance - b.distance)[0];
  if (closest === undefined) return undefined;
  return closest.distance <= Math.max(2, Math.floor(closest.name.length / 3)) ? closest.name : undefined;
}

function editDistance(a: string, b: string): number {
  // Names are short; what is much longer than any of them is not worth the work.
  if (Math.abs(a.length - b.length) > b.length) return Number.POSITIVE_INFINITY;
  let previous = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= b.length; column += 1) {
      const substitution = (previous[column - 1] ?? 0) + (a[row - 1] === b[column - 1] ? 0 : 1);
      current.push(Math.min(substitution, (previous[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1));
    }
    previous = current;
  }
  return previous[b.length] ?? 0;
}
