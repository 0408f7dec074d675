import type { TemporaryProject } from '../../kit/projects/temporary-project.js';

/**
 * The one command that a person runs. `serve` and `validate` meet a project that is broken from the start; `reload` (the
 * command) and `POST /reload` meet a server that serves, and a project that was broken since.
 */
export type DiagnosisCommand = 'serve' | 'validate' | 'reload' | 'POST /reload';

export interface Diagnosis {
  /** What is broken, in words. */
  readonly broken: string;
  readonly command: DiagnosisCommand;
  readonly options?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** What a sound shop is changed by; `null` removes a file. */
  readonly files?: Readonly<Record<string, string | readonly string[] | null>>;
  /** What files alone cannot say. */
  readonly change?: (project: TemporaryProject) => Promise<void> | void;
  /** What the output has, word for word: cause, file and line, mend. */
  readonly says: readonly string[];
}
