import { ANONYMOUS } from '../../caller/index.js';
import type { ResolvedConfig } from '../../config/index.js';
import type { QueryableDatabase } from '../../duckdb/index.js';
import { MxcpError, type Problem } from '../../errors/index.js';
import { limitsOf } from '../../values/index.js';
import { isMapping } from '../../yaml/index.js';
import type { ToolDefinition } from '../definitions/endpoint-definition.js';
import type { EndpointSet } from '../callable/endpoint-set.js';

/**
 * Warns of tools whose answers will be shortened, as far as DuckDB knows without running them: what callers narrow by arguments is not
 * known, and a file that says something of the length of its answers has an author who knows.
 */
export async function findLargeAnswers(
  { catalog, tools }: EndpointSet,
  database: Pick<QueryableDatabase, 'query'> & { readonly plainSelects: ReadonlySet<string> },
  answers: ResolvedConfig['answers'],
): Promise<Problem[]> {
  const found: Problem[] = [];
  for (const definition of catalog.endpoints) {
    const rules = definition.kind === 'tool' ? tools.get(definition.name)?.rules : undefined;
    if (definition.kind !== 'tool' || rules === undefined || !isUndecided(definition)) continue;
    const sql = definition.source.language === 'sql' ? definition.source.sql.text : '';
    // Only of one SELECT, nothing runs when it is explained.
    if (!database.plainSelects.has(sql)) continue;
    const call = { values: {}, fits: true, server: answers, maxResultBytes: Number.POSITIVE_INFINITY };
    const most = limitsOf(rules, call)?.maxRows ?? Number.POSITIVE_INFINITY;
    const rows = await estimateRows(sql, database);
    if (rows === undefined || rows <= most) continue;
    const message = `answers of tool "${definition.name}" will be shortened: DuckDB expects about ${rows} rows, and ${most} fit; aggregate them, add a parameter that narrows them, or declare \`paging\` or \`max_rows\``;
    found.push({ ...definition.positions.identity(), message });
  }
  return found;
}

function isUndecided({ parameters, returns, paging, limits }: ToolDefinition): boolean {
  const { maxRows, maxBytes, keeps } = limits;
  const isList = returns === undefined || returns.type === 'array';
  return isList && parameters.length === 0 && [paging, maxRows, maxBytes, keeps].every((each) => each === undefined);
}

/** Undefined where DuckDB cannot know. */
async function estimateRows(sql: string, database: Pick<QueryableDatabase, 'query'>): Promise<number | undefined> {
  let plan: unknown;
  const onRow = (row: Readonly<Record<string, unknown>>): void => {
    plan = JSON.parse(String(row['explain_value']));
  };
  try {
    await database.query(`EXPLAIN (FORMAT JSON) ${sql}`, {}, { caller: ANONYMOUS, onRow, seesAllRows: true });
  } catch (error) {
    // Secrets and attached databases of a project that is only checked are not in effect.
    if (error instanceof MxcpError && error.code === 'query_failed') return undefined;
    throw error;
  }
  return Array.isArray(plan) ? rowsOf(plan[0]) : undefined;
}

/** They pass on as many rows as they get. */
const PASSES_ON: ReadonlySet<unknown> = new Set(['PROJECTION', 'ORDER_BY', 'WINDOW', 'STREAMING_WINDOW']);
/** DuckDB's estimates for joins and groups may be off by any factor. */
const KNOWN: ReadonlySet<unknown> = new Set(['SEQ_SCAN', 'TABLE_SCAN', 'FILTER', 'READ_PARQUET']);

function rowsOf(node: unknown): number | undefined {
  if (!isMapping(node)) return undefined;
  const { name, children, extra_info: facts } = node;
  const step = String(name).trim();
  if (PASSES_ON.has(step)) return Array.isArray(children) && children.length === 1 ? rowsOf(children[0]) : undefined;
  const estimate = isMapping(facts) ? Number(facts['Estimated Cardinality']) : Number.NaN;
  return KNOWN.has(step) && Number.isFinite(estimate) ? estimate : undefined;
}
