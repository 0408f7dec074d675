import { z } from 'zod';
import type { SourcePosition } from '../errors/index.js';
import { section, text } from '../secrets/index.js';
import type { KeyPath, YamlSource } from '../yaml/index.js';

const NAME = String.raw`(?:"(?:[^"]|"")+"|[\p{L}_][\p{L}\p{N}_$]*)`;
const tableName = text.regex(
  new RegExp(`^${NAME}(?:\\.${NAME}){0,2}$`, 'u'),
  'must be the name of a table as SQL writes it, like `orders`, `sales.orders` or `"Order Lines"`',
);

/** YAML reads `true` and `false` as what they are, which are conditions too. */
const condition = z.union([text, z.boolean()]);

const protectedTable = z
  .strictObject({
    table: tableName,
    rows: condition.optional(),
    mask: z.record(text, z.union([text, z.null()])).default({}),
  })
  .superRefine(({ rows, mask }, context) => {
    if (rows !== undefined || Object.keys(mask).length > 0) return;
    const message = 'protects nothing; add `rows`, a condition on the rows a caller may see, or `mask`';
    context.addIssue({ code: 'custom', path: ['table'], message });
  });

const endpoint = text
  .regex(/^(?:tool|resource)\/./, 'must be `tool/NAME` or `resource/URI`')
  .refine((name) => name !== 'tool/execute_sql_query', 'cannot be listed: SQL of callers is always filtered');

/** `profiles.<profile>.protect` of `mxcp-site.yml`. */
export const protectSection = section({
  tables: z.array(protectedTable).default([]),
  unfiltered: z.array(endpoint).default([]),
}).meta({ reload: 'live' });

/** What takes the place of the values of a column: an expression in SQL. */
export interface ColumnMask {
  readonly column: string;
  readonly expression: string;
  readonly declaredAt?: (() => SourcePosition) | undefined;
}

/** What a caller sees of one table or view. */
export interface TableRule {
  /** As SQL names it, without quotes where that needs none: with schema and database where they are not the current ones. */
  readonly table: string;
  /** A condition in SQL; without it, all rows. */
  readonly rows: string | undefined;
  readonly masks: readonly ColumnMask[];
  /** In `mxcp-site.yml`. */
  readonly declaredAt?: (() => SourcePosition) | undefined;
  readonly rowsAt?: (() => SourcePosition) | undefined;
}

/** Which rows and values callers see. */
export interface Protection {
  readonly tables: readonly TableRule[];
  /** The endpoints that see everything, as `tool/NAME` or `resource/URI`. */
  readonly unfiltered: readonly string[];
}

/** Everybody sees everything. */
export const UNPROTECTED: Protection = { tables: [], unfiltered: [] };

export function toProtection(
  { tables, unfiltered }: z.output<typeof protectSection>,
  source: YamlSource,
  profile: string,
): Protection {
  return {
    unfiltered,
    tables: tables.map(({ table, rows, mask }, index) => {
      const at =
        (...path: KeyPath) =>
        () =>
          source.positionOf(['profiles', profile, 'protect', 'tables', index, ...path]);
      return {
        table,
        rows: rows === undefined ? undefined : String(rows),
        masks: Object.entries(mask).map(([column, expression]) => ({
          column,
          expression: expression ?? 'NULL',
          declaredAt: at('mask', column),
        })),
        declaredAt: at('table'),
        rowsAt: at('rows'),
      };
    }),
  };
}
