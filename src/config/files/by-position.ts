import type { Problem } from '../../errors/index.js';

/** Sorts the problems of one file as they stand in it; what has no line stands first. */
export function byPosition(a: Problem, b: Problem): number {
  return (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0);
}
