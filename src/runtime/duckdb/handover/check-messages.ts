import type { ErrorCode, Problem } from '../../../errors/index.js';
import type { DatabaseSpec } from '../generation-database.js';
import type { ParameterValue } from '../sql-values.js';

/* What the server and the process that checks a file tell each other. Both are of the same version. */

export type CheckRequest =
  | { readonly kind: 'open'; readonly id: number; readonly spec: DatabaseSpec }
  | {
      readonly kind: 'inspect';
      readonly id: number;
      readonly sql: string;
      readonly samples: Readonly<Record<string, ParameterValue>> | undefined;
    };

export type CheckAnswer =
  | { readonly kind: 'opened'; readonly id: number }
  | {
      readonly kind: 'inspected';
      readonly id: number;
      readonly parameterNames: readonly string[];
      readonly isPlainSelect: boolean;
    }
  | {
      readonly kind: 'failed';
      readonly id: number;
      readonly code: ErrorCode;
      readonly message: string;
      readonly problems: readonly Problem[];
    };
