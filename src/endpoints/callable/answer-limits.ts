import { MxcpError } from '../../errors/index.js';
import type { CallArguments, Paging, ParameterDefinition, ShapedResult } from '../../values/index.js';

const LIMIT: ParameterDefinition = {
  name: 'limit',
  type: 'integer',
  description: 'The most rows to return.',
  minimum: 1,
  default: null,
};

/** The arguments that `paging` adds. They are never passed to the SQL or the function. */
export const PAGE_PARAMETERS: Readonly<Record<Paging, readonly ParameterDefinition[]>> = {
  offset: [LIMIT, { name: 'offset', type: 'integer', description: 'How many rows to skip.', minimum: 0, default: 0 }],
  cursor: [
    LIMIT,
    {
      name: 'cursor',
      type: 'string',
      description: 'The `next_cursor` of an answer, with the same other arguments: gives the rows after it.',
      default: null,
    },
  ],
};

/** The arguments as the SQL or the function gets them. */
export function withoutPaging({ values, bindings }: CallArguments, paging: Paging): CallArguments {
  const isOwn = (name: string): boolean => PAGE_PARAMETERS[paging].some((parameter) => parameter.name === name);
  return { values, bindings: Object.fromEntries(Object.entries(bindings).filter(([name]) => !isOwn(name))) };
}

/** A single value cannot be shortened. Throws `result_too_large` if the endpoint wants it smaller. */
export function assertFits(endpoint: string, maxBytes: number, result: ShapedResult): void {
  if (result.shape === 'array' || maxBytes === 0 || result.bytes <= maxBytes) return;
  throw new MxcpError(
    'result_too_large',
    `the result of ${endpoint} has ${result.bytes} bytes, more than its \`max_bytes\` (${maxBytes}); ask for less`,
  );
}
