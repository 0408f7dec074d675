import type { TemporaryProject } from '../../kit/projects/temporary-project.js';

/**
 * The one command that a user runs. For `serve` and `validate`, the project is broken from the start; for `reload` (the
 * command) and `POST /reload`, it breaks while a server is running.
 */
export type DiagnosisCommand = 'serve' | 'validate' | 'reload' | 'POST /reload';

export interface Diagnosis {
  /** What is broken. */
  readonly broken: string;
  readonly command: DiagnosisCommand;
  readonly options?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Files that replace those of an intact project; `null` removes one. */
  readonly files?: Readonly<Record<string, string | readonly string[] | null>>;
  /** A change that cannot be expressed as files. */
  readonly change?: (project: TemporaryProject) => Promise<void> | void;
  /** Exact parts of the output: cause, file and line, fix. */
  readonly says: readonly string[];
}
