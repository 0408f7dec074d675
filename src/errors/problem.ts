/** Where in a file something is. Lines and columns count from 1. */
export interface SourcePosition {
  readonly file: string;
  readonly line?: number | undefined;
  readonly column?: number | undefined;
}

/** One thing that is wrong with a file a person wrote, told so that they can mend it. */
export interface Problem extends SourcePosition {
  /** Dotted path of the key, e.g. `profiles.dev.duckdb.path`; absent when the file as a whole is meant. */
  readonly path?: string | undefined;
  /** What is wrong and what to do, one sentence, without the position. */
  readonly message: string;
}

/** Files in the order of their first problem. */
export function groupByFile(problems: readonly Problem[]): ReadonlyMap<string, readonly Problem[]> {
  const byFile = new Map<string, Problem[]>();
  for (const problem of problems) byFile.set(problem.file, [...(byFile.get(problem.file) ?? []), problem]);
  return byFile;
}

/** `file:line:column: message`, the form editors and terminals make clickable. */
export function formatProblem(problem: Problem): string {
  const position = [problem.file, problem.line, problem.line === undefined ? undefined : problem.column]
    .filter((part) => part !== undefined)
    .join(':');
  return `${position}: ${problem.message}`;
}
