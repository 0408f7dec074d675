import { z } from 'zod';
import { parseByteSize } from '../settings/index.js';
import { hints } from '../yaml/index.js';

const rows = z.int().min(0, 'must be at least 0, and 0 means no limit');

const byteSize = z
  .union([z.string(), z.number()])
  .refine((value) => toBytes(value) !== undefined, {
    error: 'must be a number of bytes like 102400 or 100KiB; 0 means no limit',
  });

const KEYS = { rows: 'max_rows', limit: 'max_rows', row_limit: 'max_rows', maxRows: 'max_rows' };

/** Of tools and resources. */
export const answerLimitFields = { max_rows: rows.nullish(), max_bytes: byteSize.nullish() };

/** `answers` of `mxcp-site.yml`. */
export const answersSchema = z
  .strictObject({ max_rows: rows.optional(), max_bytes: byteSize.optional(), keep_results: z.boolean().optional() })
  .register(hints, {
    keys: { ...KEYS, size: 'max_bytes', bytes: 'max_bytes', maxBytes: 'max_bytes', keep_result: 'keep_results' },
  });

/** How much of a list an answer has. What is undefined is decided elsewhere, and 0 is no limit. */
export interface AnswerLimits {
  readonly maxRows: number | undefined;
  readonly maxBytes: number | undefined;
  /** Whether the whole list is kept for its caller when its answer is shortened. */
  readonly keeps: boolean | undefined;
}

export function toAnswerLimits({
  max_rows,
  max_bytes,
  keep_result,
  keep_results,
}: {
  readonly max_rows?: number | null | undefined;
  readonly max_bytes?: string | number | null | undefined;
  readonly keep_result?: boolean | undefined;
  readonly keep_results?: boolean | undefined;
}): AnswerLimits {
  return {
    maxRows: max_rows ?? undefined,
    maxBytes: max_bytes === undefined || max_bytes === null ? undefined : toBytes(max_bytes),
    keeps: keep_result ?? keep_results,
  };
}

function toBytes(value: string | number): number | undefined {
  return /^0+$/.test(String(value)) ? 0 : parseByteSize(String(value));
}
