import type { DuckDBConnection } from '@duckdb/node-api';
import { ANONYMOUS, type Caller, DeniedByRule } from '../../caller/index.js';
import type { ColumnMask, Protection, TableRule } from '../../config/index.js';
import { firstLineOf, messageOf, MxcpError, type Problem, problemsError } from '../../errors/index.js';
import type { Disposable } from '../../lifecycle/index.js';
import { shieldSteadily } from '../statements/caller-functions.js';
import type {
  ConnectionPool,
  ConnectionSetup,
  ConnectionWork,
  GuardedStatement,
  PooledConnection,
  StatementGuard,
} from '../statements/connections.js';
import { toQueryError } from '../statements/query.js';
import { castParameters } from '../statements/sql-text.js';
import {
  changesNames,
  findEvasion,
  type GovernedPlan,
  isSame,
  parsePlan,
  type PlanNode,
  plansOf,
} from './plan-check.js';
import {
  bindPlan,
  describeRelation,
  areAsBefore,
  quoteName,
  readGovernedPlan,
  type Relation,
} from './governed-plans.js';
import { explainWrite, refused, withoutRowValues } from './row-refusals.js';

/**
 * What callers see of the tables of one generation. Its connections have a temporary view in place of each protected table; DuckDB
 * finds it before the table under every search path, also from views and macros that do not name a database (DuckDB 1.5.6).
 * Before a statement runs, its plan is checked for reads that go another way. The database of the generation disposes it.
 */
export class RowRules implements StatementGuard, Disposable {
  readonly #pool: ConnectionPool;
  readonly #unfiltered: ReadonlySet<string>;
  readonly #names: ReadonlyMap<string, string>;
  readonly #plans: readonly GovernedPlan[];
  readonly #relations: readonly Relation[];
  /** The version of the catalog in which the relations were last found as they were. */
  #verified: number | undefined;
  /** Those that are the same for every caller. */
  readonly #steadyPlans: readonly GovernedPlan[];
  /** Prepares the connections that see what callers may see. */
  readonly setup: ConnectionSetup;

  private constructor(
    pool: ConnectionPool,
    protection: Protection,
    { views, relations, names, plans, steadyPlans }: BuiltRules & { readonly steadyPlans: readonly GovernedPlan[] },
  ) {
    this.#pool = pool;
    this.#unfiltered = new Set(protection.unfiltered);
    this.#names = names;
    this.#plans = plans;
    this.#relations = relations;
    this.#steadyPlans = steadyPlans;
    this.setup = (connection) => shadow(connection, views);
    pool.keep(this.setup);
  }

  /** Throws `config_invalid` with a problem for each rule that does not fit the database. */
  static async build(pool: ConnectionPool, protection: Protection): Promise<RowRules> {
    await pool.registerSteadyFunctions();
    // Every connection that has the views is closed again: this one shows the tables as they are at first.
    const connection = await pool.open();
    try {
      await shieldSteadily(connection.native);
      const build: ConnectionWork<BuiltRules> = (native) => buildRules(native, protection.tables);
      const built = await connection.run(build, { caller: exampleOf('one') });
      const steadyPlans = await findSteadyPlans(connection, built.plans);
      return new RowRules(pool, protection, { ...built, steadyPlans });
    } finally {
      connection.close();
    }
  }

  /** Whether the endpoint with this label sees everything. */
  isUnfiltered(endpoint: string | undefined): boolean {
    return endpoint !== undefined && this.#unfiltered.has(endpoint);
  }

  /**
   * Throws `DeniedByRule` for a text that reads a protected table another way or that cannot be checked, and `query_failed` for one that
   * does not compile.
   */
  async check(connection: DuckDBConnection, statement: GuardedStatement): Promise<() => void> {
    try {
      return await this.#check(connection, statement);
    } catch (error) {
      if (error instanceof DeniedByRule) statement.onDenied?.(error);
      throw error;
    }
  }

  async #check(connection: DuckDBConnection, statement: GuardedStatement): Promise<() => void> {
    const version = this.#pool.catalogVersion;
    await this.#verify(connection, version);
    await this.#checkText(connection, statement);
    return () => {
      if (version === undefined || this.#pool.catalogVersion !== version) throw changing();
    };
  }

  /** Throws `database_failed` if another table, or none, is now where a protected one was. */
  async #verify(connection: DuckDBConnection, version: number | undefined): Promise<void> {
    if (version !== undefined && version === this.#verified) return;
    const isAsBefore = await this.#pool.useIdle((plain) => areAsBefore({ connection, plain }, this.#relations));
    if (!isAsBefore) throw noLongerFit('another table, or none, is where a protected one was');
    this.#verified = version;
  }

  async #checkText(connection: DuckDBConnection, statement: GuardedStatement): Promise<void> {
    const plan = await planOf(connection, statement);
    const statements = plansOf(plan);
    if (statements.length === 0) throw refused('has no statement that can be checked', statement);
    if (statement.ofCaller && statements.length > 1) throw refused('has more than one statement', statement);
    // All of them are planned before the first one runs.
    if (statements.length > 1 && statements.some(changesNames))
      throw refused('changes tables, views or settings in one of several statements', statement);
    for (const each of statements) await this.#checkPlan(each, statement);
  }

  /**
   * DuckDB evaluates some of what a rule asks about the caller before it writes a plan, so the plan of the rule may differ from one
   * caller to the next. It is then read again for this one, on a connection where nothing else has run.
   */
  async #checkPlan(plan: PlanNode, statement: GuardedStatement): Promise<void> {
    const { caller } = statement;
    const tables = this.#names;
    const evasion = findEvasion(plan, { tables, governed: this.#steadyPlans }, statement);
    if (evasion === undefined) return;
    if (evasion.tables.size === 0) throw refused(evasion.what, statement);
    const concerned = this.#plans.filter(({ depths }) => depths.some(({ table }) => evasion.tables.has(table)));
    const governed = await this.#pool.useIdle(
      (connection) =>
        readPlans(
          connection,
          concerned.map(({ name }) => name),
        ),
      { setup: this.setup, caller },
    );
    const proven = findEvasion(plan, { tables, governed: [...this.#steadyPlans, ...governed] }, statement);
    if (proven !== undefined) throw refused(proven.what, statement);
  }

  /**
   * Leaves out what DuckDB says of values: the expression of a rule may fail on a row that the caller must not see, and the error
   * quotes the value. The log has it.
   */
  async withhold<T>(running: Promise<T>): Promise<T> {
    try {
      return await running;
    } catch (error) {
      throw withoutRowValues(error);
    }
  }

  dispose(): void {
    this.#pool.retire(this.setup);
  }
}

/** A caller of whom everything is known, with every header. */
function exampleOf(text: string): Caller {
  const header = { value: text, enumerable: true, configurable: true };
  const requestHeaders = new Proxy<Record<string, string>>(
    {},
    { get: () => text, getOwnPropertyDescriptor: () => header },
  );
  const names = {
    userId: text,
    username: text,
    email: text,
    name: text,
    provider: text,
    role: text,
    externalToken: text,
  };
  const rights = { permissions: [text], capabilities: [text], scopes: [text] };
  return { ...ANONYMOUS, ...names, ...rights, requestHeaders };
}

async function readPlans(connection: DuckDBConnection, names: readonly string[]): Promise<readonly GovernedPlan[]> {
  const plans: GovernedPlan[] = [];
  for (const name of names) plans.push(await readGovernedPlan(connection, name));
  return plans;
}

/** The plans that are the same for three callers who have nothing in common. */
async function findSteadyPlans(
  connection: PooledConnection,
  plans: readonly GovernedPlan[],
): Promise<readonly GovernedPlan[]> {
  const names = plans.map(({ name }) => name);
  const read: ConnectionWork<readonly GovernedPlan[]> = (native) => readPlans(native, names);
  const other = await connection.run(read, { caller: exampleOf('other') });
  const anonymous = await connection.run(read, { caller: ANONYMOUS });
  return plans.filter(({ root }, at) => isSame(root, other[at]?.root) && isSame(root, anonymous[at]?.root));
}

interface BuiltRules {
  /** SQL that creates the temporary views. */
  readonly views: readonly string[];
  readonly relations: readonly Relation[];
  readonly names: ReadonlyMap<string, string>;
  readonly plans: readonly GovernedPlan[];
}

/** A rule of a caller that no longer fits a changed table must not show itself in the error of a call. */
async function shadow(connection: DuckDBConnection, views: readonly string[]): Promise<void> {
  try {
    await shieldSteadily(connection, views);
  } catch (error) {
    throw noLongerFit(messageOf(error), error);
  }
}

function changing(): MxcpError {
  return new MxcpError(
    'database_failed',
    'tables were changed while this SQL was checked against the rules for rows; call again',
  );
}

function noLongerFit(reason: string, cause?: unknown): MxcpError {
  const message = 'the rules for rows no longer fit the tables of the database; reload to see which';
  return new MxcpError('database_failed', message, { cause, logMessage: `${message}: ${reason}` });
}

async function buildRules(connection: DuckDBConnection, tables: readonly TableRule[]): Promise<BuiltRules> {
  const problems = new Problems();
  const found: { readonly rule: TableRule; readonly relation: Relation }[] = [];
  for (const rule of tables) {
    const relation = await problems.collect(rule.declaredAt, () => describeRelation(connection, rule.table));
    if (relation === undefined) continue;
    const other = found.find(({ relation: { name } }) => name.toLowerCase() === relation.name.toLowerCase());
    if (other !== undefined)
      problems.add(rule.declaredAt, `has the same name as \`${other.rule.table}\`; protect only one of them`);
    else found.push({ rule, relation });
  }
  for (const { rule, relation } of found) await checkExpressions(connection, { rule, relation }, problems);
  problems.throwIfAny();
  const names = new Map(found.flatMap(({ rule, relation: { key } }) => (key === undefined ? [] : [[key, rule.table]])));
  for (const { rule, relation } of found) {
    const open = relation.reads.find(({ key }) => !names.has(key));
    if (open === undefined) continue;
    const message = `is a view on \`${open.name}\`, which has no rule, so callers would read that instead; protect it as well`;
    problems.add(rule.declaredAt, message);
  }
  const views = found.map(({ rule, relation }) => toView(rule, relation));
  for (const [at, view] of views.entries()) {
    const rule = found[at]?.rule;
    await problems.collect(rule?.rowsAt ?? rule?.declaredAt, async () => void (await connection.run(view)));
  }
  problems.throwIfAny();
  const plans: GovernedPlan[] = [];
  for (const { rule, relation } of found) {
    const plan = await problems.collect(rule.declaredAt, () => readGovernedPlan(connection, relation.name));
    if (plan !== undefined) plans.push(plan);
  }
  problems.throwIfAny();
  return { views, relations: found.map(({ relation }) => relation), names, plans };
}

/** In the view, an expression of the project is between parentheses, and a line ends before the second: it may end with a comment. */
function toView({ rows, masks }: TableRule, { name, source, columns }: Relation): string {
  const replaced = masks.map(({ column, expression }) => {
    const { type = '', name: written = column } = find(columns, column) ?? {};
    return `CAST((${expression}\n) AS ${type}) AS ${quoteName(written)}`;
  });
  const list = replaced.length === 0 ? '*' : `* REPLACE (${replaced.join(', ')})`;
  const where = rows === undefined ? '' : ` WHERE (${rows}\n)`;
  return `CREATE OR REPLACE TEMP VIEW ${quoteName(name)} AS SELECT ${list} FROM ${source}${where}`;
}

function find(columns: Relation['columns'], name: string): Relation['columns'][number] | undefined {
  return columns.find((column) => column.name.toLowerCase() === name.toLowerCase());
}

async function checkExpressions(
  connection: DuckDBConnection,
  { rule, relation }: { readonly rule: TableRule; readonly relation: Relation },
  problems: Problems,
): Promise<void> {
  const { rows, masks, rowsAt } = rule;
  if (rows !== undefined)
    await problems.collect(rowsAt, async () => {
      const type = await typeOf(connection, rows, relation);
      if (type !== 'BOOLEAN') throw new Error(`must be a condition, which is true or false, but it is ${type}`);
    });
  for (const mask of masks) await problems.collect(mask.declaredAt, () => checkMask(connection, mask, relation));
}

async function checkMask(connection: DuckDBConnection, { column, expression }: ColumnMask, relation: Relation) {
  const found = find(relation.columns, column);
  if (found === undefined) {
    const known = relation.columns.map(({ name }) => name).join(', ');
    throw new Error(`there is no column "${column}" in ${relation.name}; its columns are ${known}`);
  }
  await typeOf(connection, expression, relation);
  const cast = `CAST((${expression}\n) AS ${found.type})`;
  try {
    await typeOf(connection, cast, relation);
    // DuckDB converts a constant only when it runs, and an expression that compiles without a table is one.
    const constant = await connection.prepare(`SELECT ${cast}`).catch(() => undefined);
    await constant?.run();
    constant?.destroySync();
  } catch (error) {
    throw new Error(`must have the type of the column, ${found.type}: ${firstLineOf(messageOf(error))}`, {
      cause: error,
    });
  }
}

/** The type of an expression over the columns of a relation. */
async function typeOf(connection: DuckDBConnection, expression: string, { source }: Relation): Promise<string> {
  const statement = await connection.prepare(`SELECT (${expression}\n) FROM ${source}`);
  try {
    if (statement.columnCount !== 1) throw new Error('must be one expression');
    if (statement.parameterCount > 0)
      throw new Error('has a parameter, but a rule has none; ask for the caller with `get_username()` and its family');
    return String(statement.columnType(0));
  } finally {
    statement.destroySync();
  }
}

/** Collects what is wrong with all rules. */
class Problems {
  readonly #list: Problem[] = [];

  add(declaredAt: TableRule['declaredAt'], message: string): void {
    this.#list.push({ file: 'mxcp-site.yml', ...declaredAt?.(), message });
  }

  async collect<T>(declaredAt: TableRule['declaredAt'], work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work();
    } catch (error) {
      this.add(declaredAt, firstLineOf(messageOf(error)));
      return undefined;
    }
  }

  throwIfAny(): void {
    if (this.#list.length === 0) return;
    throw problemsError('config_invalid', 'the rules of `protect` do not fit the database:', this.#list);
  }
}

/** First with casts: DuckDB cannot write the plan of a parameter whose type it does not know (1.5.6). */
async function planOf(connection: DuckDBConnection, statement: GuardedStatement): Promise<PlanNode> {
  const { sql, parameters, ofCaller } = statement;
  const cast = ofCaller || Object.keys(parameters).length === 0 ? undefined : castParameters(sql, parameters);
  const candidates = cast === undefined || cast === sql ? [sql] : [cast, sql];
  let plan: PlanNode = {};
  for (const text of candidates) {
    plan = parsePlan(await bindPlan(connection, text));
    if (plan['error'] !== true) return plan;
  }
  // DuckDB's own error, with the place in the text, if there is one.
  const prepared = await connection.prepare(sql).catch((error: unknown) => {
    throw explainWrite(toQueryError(error), statement);
  });
  prepared.destroySync();
  throw refused('cannot be checked', statement, firstLineOf(String(plan['error_message'])));
}
