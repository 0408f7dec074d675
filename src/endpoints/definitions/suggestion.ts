import { nearestName } from '../../errors/index.js';

/** `; did you mean "x"?` or, when nothing is near, `; known: a, b`. Empty when there is nothing to choose from. */
export function suggestion(name: string, known: readonly string[]): string {
  const near = nearSuggestion(name, known);
  if (near !== '') return near;
  return known.length === 0 ? '' : `; known: ${known.join(', ')}`;
}

/** `; did you mean "x"?`, or nothing: for lists that are too long to print. */
export function nearSuggestion(name: string, known: readonly string[]): string {
  const nearest = nearestName(name, known);
  return nearest === undefined ? '' : `; did you mean "${nearest}"?`;
}
