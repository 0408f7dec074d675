/** As Python's `round`, and as Jinja2 for its methods `ceil` and `floor`. Throws for other methods. */
export function roundAsPython(value: number, precision: number, method: string): number {
  const factor = 10 ** precision;
  if (method === 'ceil') return Math.ceil(value * factor) / factor;
  if (method === 'floor') return Math.floor(value * factor) / factor;
  if (method !== 'common') throw new Error('the method of round must be common, ceil or floor');
  if (precision < 0) return toEven(value * factor) / factor;
  return isTie(value, precision) ? toEven(value * factor) / factor : Number(value.toFixed(precision));
}

/** Only a binary fraction can lie exactly between two decimal ones; multiplied by a power of ten it is still exact. */
function isTie(value: number, precision: number): boolean {
  return Number.isInteger(value * 2 ** (precision + 1)) && Math.abs((value * 10 ** precision) % 1) === 0.5;
}

function toEven(value: number): number {
  const below = Math.floor(value);
  if (value - below !== 0.5) return Math.round(value);
  return below % 2 === 0 ? below : below + 1;
}
