import { problemsError, type MxcpError, type Problem } from '../errors/index.js';
import { byPosition } from './files/by-position.js';

/** `config_invalid` with all these problems: file after file, each from its first line to its last. */
export function invalidConfig(problems: readonly Problem[], summary = summarize(problems)): MxcpError {
  const files = [...new Set(problems.map(({ file }) => file))];
  const sorted = problems.toSorted(
    (a, b) => files.indexOf(a.file) - files.indexOf(b.file) || byPosition(a, b),
  );
  return problemsError('config_invalid', summary, sorted);
}

function summarize(problems: readonly Problem[]): string {
  return `the configuration has ${howMany(problems)}:`;
}

export function howMany({ length }: readonly Problem[]): string {
  return length === 1 ? 'a problem' : `${length} problems`;
}
