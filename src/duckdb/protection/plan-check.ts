import { isNode, listOf, READERS } from '../statements/allowed-files.js';

/*
 * Reads the plan that DuckDB has bound for a text, as `json_serialize_plan` writes it, and finds every read of a protected table that
 * does not go through the rule of the table. Names, views, macros, CTEs and `query_table` are all resolved in a plan, so the spelling
 * of a text does not matter. Anything that is not known is refused (DuckDB 1.5.6).
 */

export type PlanNode = Readonly<Record<string, unknown>>;

/** The plan of one protected table as DuckDB binds it by its visible name: what every read of the table must look like. */
export interface GovernedPlan {
  /** The visible name. */
  readonly name: string;
  readonly root: PlanNode;
  /** How many operators are between the root and each scan of a table. */
  readonly depths: readonly { readonly table: string; readonly depth: number }[];
  /** How many columns the child of the root has; undefined if DuckDB never widens it. */
  readonly width: number | undefined;
}

interface Scan {
  readonly table: string;
  readonly at: Place;
}

/** An operator of a plan, with those above it. */
interface Place {
  readonly node: PlanNode;
  readonly above: Place | undefined;
}

export interface PlanRules {
  /** Keys of `tableKey()`, with the name for people. */
  readonly tables: ReadonlyMap<string, string>;
  readonly governed: readonly GovernedPlan[];
}

export function tableKey({
  catalog,
  schema,
  table,
}: Readonly<Record<'catalog' | 'schema' | 'table', unknown>>): string {
  return [catalog, schema, table].map((part) => String(part).toLowerCase()).join('\u0000');
}

/** Numbers that a double cannot hold exactly: two conditions may differ only in one. */
const STRING_OR_LONG_NUMBER = /"(?:[^"\\]|\\.)*"|-?\d{16,}(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

/** Reads what `json_serialize_plan` returns. */
export function parsePlan(json: string): PlanNode {
  const exact = json.replace(STRING_OR_LONG_NUMBER, (token) => (token.startsWith('"') ? token : `"#${token}"`));
  const plan: unknown = JSON.parse(exact);
  if (!isNode(plan)) throw new TypeError('the plan is not an object');
  return plan;
}

/** The plans of the statements of a text. */
export function plansOf(plan: PlanNode): readonly PlanNode[] {
  return listOf(plan['plans']).filter(isNode);
}

const CHANGES_NAMES = /^LOGICAL_(?:CREATE_|DROP|ALTER|SET|RESET|ATTACH|DETACH|LOAD)/;

/** Whether the names of a later statement may lead elsewhere once this one has run. */
export function changesNames(plan: PlanNode): boolean {
  return CHANGES_NAMES.test(String(plan['type']));
}

/** Nodes of statements whose reads a plan shows completely. */
const SHOWN_NODES: ReadonlySet<string> = new Set(
  `PROJECTION FILTER AGGREGATE_AND_GROUP_BY WINDOW UNNEST LIMIT ORDER_BY TOP_N DISTINCT SAMPLE PIVOT GET CHUNK_GET DELIM_GET
  EXPRESSION_GET DUMMY_SCAN EMPTY_RESULT CTE_REF JOIN DELIM_JOIN COMPARISON_JOIN ANY_JOIN CROSS_PRODUCT POSITIONAL_JOIN ASOF_JOIN
  DEPENDENT_JOIN UNION EXCEPT INTERSECT RECURSIVE_CTE MATERIALIZED_CTE INSERT DELETE UPDATE MERGE_INTO COPY_TO_FILE ALTER
  CREATE_TABLE CREATE_INDEX CREATE_SEQUENCE CREATE_VIEW CREATE_SCHEMA CREATE_MACRO CREATE_TYPE CREATE_SECRET DROP TRANSACTION
  ATTACH DETACH VACUUM SET RESET LOAD`
    .split(/\s+/)
    .map((name) => `LOGICAL_${name}`),
);

/** Table functions that show rows or statistics of a table without scanning it, or that run SQL where no plan shows it. */
const AROUND_THE_SCAN: ReadonlySet<string> = new Set([
  'pragma_storage_info',
  'duckdb_table_sample',
  'json_execute_serialized_sql',
  'read_duckdb',
]);
/** Functions that show statistics of a column, or the rules themselves. */
const REVEALING: ReadonlySet<string> = new Set(['stats', 'json_serialize_plan']);

/** What SQL that a caller wrote may call as a table. */
const FOR_CALLERS: ReadonlySet<string> = new Set(
  `seq_scan range generate_series unnest repeat repeat_row json_each json_tree pragma_table_info pragma_show pragma_version
  duckdb_columns duckdb_databases duckdb_keywords duckdb_schemas duckdb_tables duckdb_types duckdb_views icu_calendar_names
  pg_timezone_names`.split(/\s+/),
);
/** Columns of these that count rows, show the rules, or show where the database is. */
const HIDDEN_COLUMNS: Readonly<Partial<Record<string, readonly string[]>>> = {
  duckdb_databases: ['path'],
  duckdb_tables: ['estimated_size', 'sql'],
  duckdb_views: ['sql'],
};
/** Functions with effects beyond their result: one that runs once for each row counts rows. */
const NOT_FOR_CALLERS: ReadonlySet<string> = new Set(['nextval', 'setseed', 'write_log', 'sleep_ms', 'getenv']);

/** Who wrote a text, and what it is known to keep to. */
export interface Author {
  readonly ofCaller: boolean;
  /** Whether a caller may read the files that the text names. */
  readonly readsFiles?: boolean;
}

/** What a text does that cannot be allowed, or the protected tables that it reads around their rules. */
export interface Evasion {
  readonly what: string;
  /** Keys; empty if the text is refused for another reason. */
  readonly tables: ReadonlySet<string>;
}

/** Undefined if a statement keeps to the rules. */
export function findEvasion(plan: PlanNode, rules: PlanRules, author: Author): Evasion | undefined {
  const { scans, changed, refused } = survey(plan, author);
  if (refused !== undefined) return { what: refused, tables: new Set() };
  const target = changed.map((key) => rules.tables.get(key)).find((name) => name !== undefined);
  if (target !== undefined) return { what: `changes ${target}, which has a rule for rows`, tables: new Set() };
  const open = scans.filter(
    (scan) => rules.tables.has(scan.table) && !rules.governed.some((governed) => isGoverned(governed, scan)),
  );
  const [first] = open;
  if (first === undefined) return undefined;
  const what = `reads ${rules.tables.get(first.table)} around its rule`;
  return { what, tables: new Set(open.map(({ table }) => table)) };
}

/** All scans of tables in a plan, with the number of operators above each. */
export function depthsOf(root: PlanNode): GovernedPlan['depths'] {
  return survey(root, { ofCaller: false }).scans.map(({ table, at }) => {
    let depth = 0;
    for (let place = at.above; place !== undefined; place = place.above) depth += 1;
    return { table, depth };
  });
}

interface Survey {
  readonly scans: readonly Scan[];
  /** Tables that are written to, changed or dropped. */
  readonly changed: readonly string[];
  readonly refused: string | undefined;
}

/** Looks at every node and expression once, without recursion: plans may be deep. */
function survey(root: PlanNode, author: Author): Survey {
  const scans: Scan[] = [];
  const changed: string[] = [];
  const pending: { readonly value: unknown; readonly above: Place | undefined }[] = [{ value: root, above: undefined }];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const { value, above } = next;
    const isOperator = isNode(value) && typeof value['type'] === 'string' && value['type'].startsWith('LOGICAL_');
    const at = isOperator ? { node: value, above } : above;
    if (isNode(value)) {
      const refused = isOperator ? refusedOperator(value, author) : refusedExpression(value, author);
      if (refused !== undefined) return { scans, changed, refused };
    }
    const table = isOperator ? scannedBy(value) : undefined;
    if (table !== undefined && at !== undefined) scans.push({ table, at });
    if (isOperator) changed.push(...changedBy(value));
    for (const part of partsOf(value)) pending.push({ value: part, above: at });
  }
  return { scans, changed, refused: undefined };
}

function partsOf(value: unknown): readonly unknown[] {
  return typeof value === 'object' && value !== null
    ? Object.values(value).filter((part) => typeof part === 'object')
    : [];
}

function scannedBy(node: PlanNode): string | undefined {
  const data = node['type'] === 'LOGICAL_GET' ? node['function_data'] : undefined;
  return isNode(data) && 'table' in data
    ? tableKey({ catalog: data['catalog'], schema: data['schema'], table: data['table'] })
    : undefined;
}

function changedBy(node: PlanNode): readonly string[] {
  const info = node['table_info'] ?? (CHANGES_TABLE.test(String(node['type'])) ? node['info'] : undefined);
  if (!isNode(info)) return [];
  return [tableKey({ catalog: info['catalog'], schema: info['schema'], table: info['table'] ?? info['name'] })];
}

const CHANGES_TABLE = /^LOGICAL_(?:ALTER|DROP)$/;
const CHANGES_ANYTHING =
  /^LOGICAL_(?:INSERT|DELETE|UPDATE|MERGE_INTO|COPY_TO_FILE|ALTER|CREATE_.*|DROP|TRANSACTION|ATTACH|DETACH|VACUUM|SET|RESET|LOAD)$/;

function refusedOperator(node: PlanNode, { ofCaller, readsFiles = false }: Author): string | undefined {
  const type = String(node['type']);
  if (!SHOWN_NODES.has(type))
    return `uses ${type.slice('LOGICAL_'.length).replaceAll('_', ' ')}, whose reads cannot be checked`;
  if (ofCaller && CHANGES_ANYTHING.test(type)) return 'is not a SELECT';
  if (type !== 'LOGICAL_GET') return undefined;
  const name = String(node['name']);
  if (AROUND_THE_SCAN.has(name)) return `uses the function \`${name}\``;
  const isAllowed = FOR_CALLERS.has(name) || (readsFiles && READERS.has(name));
  if (ofCaller && !isAllowed) return `uses the function \`${name}\``;
  const read = columnsReadBy(node);
  const column = HIDDEN_COLUMNS[name]?.find((each) => read.includes(each));
  return column && `reads the column \`${column}\` of \`${name}\``;
}

function columnsReadBy(node: PlanNode): readonly string[] {
  const names = listOf(node['names']).map(String);
  return listOf(node['column_indexes']).map(
    (column) => names[Number(isNode(column) ? (column['index'] ?? 0) : 0)] ?? '',
  );
}

function refusedExpression(expression: PlanNode, { ofCaller }: Author): string | undefined {
  if (expression['expression_class'] === 'BOUND_SUBQUERY') return 'has a subquery that cannot be checked';
  if (expression['expression_class'] !== 'BOUND_FUNCTION') return undefined;
  const name = String(expression['name']);
  const isRefused = REVEALING.has(name) || (ofCaller && NOT_FOR_CALLERS.has(name));
  return isRefused ? `uses the function \`${name}\`` : undefined;
}

/** Whether a scan is part of a plan that is, node by node, the plan of a protected table. */
function isGoverned(governed: GovernedPlan, { table, at }: Scan): boolean {
  return governed.depths.some(({ table: governedTable, depth }) => {
    if (governedTable !== table) return false;
    const place = climb(at, depth);
    if (place === undefined) return false;
    return isSame(place.node, governed.root) || (place.above !== undefined && isWidened(place.above.node, governed));
  });
}

function climb(from: Place, steps: number): Place | undefined {
  let place: Place | undefined = from;
  for (let step = 0; step < steps; step += 1) place = place?.above;
  return place;
}

/**
 * In a correlated subquery, DuckDB joins the values of the outer query below the first projection of the subquery, which passes them on
 * behind its own columns. They must be those: a column of the table behind the masked ones would be readable.
 */
function isWidened(node: PlanNode, { root, width }: GovernedPlan): boolean {
  if (width === undefined || node['type'] !== 'LOGICAL_PROJECTION' || root['type'] !== node['type']) return false;
  const [join] = listOf(node['children']);
  if (!isNode(join) || join['type'] !== 'LOGICAL_CROSS_PRODUCT') return false;
  const own = listOf(root['expressions']);
  const expressions = listOf(node['expressions']);
  return (
    isSame(listOf(join['children'])[0], listOf(root['children'])[0]) &&
    isSame(expressions.slice(0, own.length), own) &&
    expressions
      .slice(own.length)
      .every((each) => isNode(each) && each['expression_class'] === 'BOUND_REF' && Number(each['index'] ?? 0) >= width)
  );
}

/** Where a text has an expression, and what it calls it. */
const IGNORED: ReadonlySet<string> = new Set(['query_location', 'alias']);

/** Whether two parts of plans are equal, apart from the numbers that DuckDB gives tables and CTEs, which must correspond. */
export function isSame(one: unknown, other: unknown): boolean {
  const numbers = { forward: new Map<unknown, unknown>(), backward: new Map<unknown, unknown>() };
  const corresponds = (left: unknown, right: unknown): boolean => {
    if (!numbers.forward.has(left) && !numbers.backward.has(right)) {
      numbers.forward.set(left, right);
      numbers.backward.set(right, left);
    }
    return numbers.forward.get(left) === right && numbers.backward.get(right) === left;
  };
  const compare = (left: unknown, right: unknown): boolean => {
    if (Array.isArray(left) && Array.isArray(right))
      return left.length === right.length && left.every((item, at) => compare(item, right[at]));
    if (!isNode(left) || !isNode(right)) return left === right;
    const keys = Object.keys(left).filter((key) => !IGNORED.has(key));
    if (keys.length !== Object.keys(right).filter((key) => !IGNORED.has(key)).length) return false;
    return keys.every((key) => {
      if (!Object.hasOwn(right, key)) return false;
      const isNumber = key.endsWith('_index') && typeof left[key] === 'number';
      return isNumber ? corresponds(left[key], right[key]) : compare(left[key], right[key]);
    });
  };
  return compare(one, other);
}
