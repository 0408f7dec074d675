import { MxcpError } from '../../errors/index.js';
import type { Shape } from './parameter-shape.js';

/**
 * Throws `params_invalid` for objects with members that SQL cannot ask for. To SQL, `a` is the first of `a` and `A`, also when
 * only one of them is declared and was checked, and without a name for the first member all are found by their place
 * (DuckDB 1.5.6).
 */
export function refuseUnclearNames(shape: Shape, place: string): void {
  if (shape.kind === 'list') return refuseUnclearNames(shape.item, `${place}[]`);
  if (shape.kind !== 'struct' || shape.hasAnyNames) return;
  const known = new Map<string, string>();
  for (const [name, member] of shape.fields) {
    const twin = known.get(toSqlName(name));
    if (name === '') throw refused(place, 'a member without a name, which SQL cannot have; give it a name');
    if (twin !== undefined)
      throw refused(
        place,
        `the members "${twin}" and "${name}", sent or declared, which are the same to SQL; use one spelling`,
      );
    known.set(toSqlName(name), name);
    refuseUnclearNames(member, `${place}.${name}`);
  }
}

/** Letters beyond ASCII are not folded. */
function toSqlName(name: string): string {
  return name.replaceAll(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

function refused(place: string, what: string): MxcpError {
  return new MxcpError('params_invalid', `"${place}" has ${what}`);
}
