import { createHash } from 'node:crypto';

/**
 * What an endpoint file said when it was read, so that a difference on disk is seen without parsing it again. A Python file
 * is no part of it: its code is no definition, and every reload takes it anew.
 */
export interface DefinitionFingerprint {
  /** Of the file and, where it names one, of its SQL file. */
  readonly hash: string;
  /** Relative to the project root; absent when the SQL stands in the file itself. */
  readonly sqlFile?: string | undefined;
}

export function hashOf(text: string, sqlFileText: string | undefined): string {
  return createHash('sha256')
    .update(text)
    .update('\0')
    .update(sqlFileText ?? '')
    .digest('hex');
}
