/**
 * What an endpoint file said when it was read, so that a difference on disk is seen without parsing it again. A Python file
 * is no part of it: its code is no definition, and every reload takes it anew.
 */
export interface DefinitionFingerprint {
  readonly mark: string;
  /** Absent when the SQL stands in the file itself. */
  readonly sqlFile?: SqlFileMark | undefined;
}

/** An SQL file that an endpoint file names, also one that could not be read. */
export interface SqlFileMark {
  /** Relative to the project root. */
  readonly path: string;
  readonly mark: string;
}
