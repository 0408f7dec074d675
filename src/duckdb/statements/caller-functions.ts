import {
  BOOLEAN,
  type DuckDBConnection,
  DuckDBScalarFunction,
  type DuckDBScalarMainFunction,
  type DuckDBType,
  type DuckDBValue,
  LIST,
  listValue,
  VARCHAR,
} from '@duckdb/node-api';
import type { Caller } from '../../caller/index.js';

/** Callers by the id of the connection that runs their SQL. */
export type Callers = Map<number, Caller>;

interface CallerFunction {
  readonly name: string;
  readonly type?: DuckDBType;
  readonly parameter?: string;
  readonly valueOf: (caller: Caller, argument: string | null) => DuckDBValue;
  /** Without a caller; null unless given. */
  readonly ofNobody?: DuckDBValue;
}

const NAMES: readonly CallerFunction[] = [
  { name: 'get_username', valueOf: (caller) => caller.username },
  { name: 'get_user_email', valueOf: (caller) => caller.email },
  { name: 'get_user_provider', valueOf: (caller) => caller.provider },
  { name: 'get_user_external_token', valueOf: (caller) => caller.externalToken },
  {
    name: 'get_request_headers_json',
    valueOf: ({ requestHeaders }) => (requestHeaders === undefined ? null : JSON.stringify(requestHeaders)),
  },
  { name: 'get_request_header', parameter: 'name', valueOf: headerOf },
];

const LISTS = [
  ['get_user_permissions', 'has_permission', (caller: Caller) => caller.permissions],
  ['get_user_capabilities', 'has_capability', (caller: Caller) => caller.capabilities],
  ['get_user_scopes', 'has_scope', (caller: Caller) => caller.scopes],
] as const;

/** What a caller may do. */
const RIGHTS: readonly CallerFunction[] = [
  { name: 'get_user_id', valueOf: (caller) => caller.userId },
  { name: 'get_user_role', valueOf: (caller) => caller.role },
  ...LISTS.flatMap(([list, has, of]): CallerFunction[] => [
    { name: list, type: LIST(VARCHAR), valueOf: (caller) => listValue([...of(caller)]), ofNobody: listValue([]) },
    {
      name: has,
      type: BOOLEAN,
      parameter: 'item',
      valueOf: (caller, item) => item !== null && of(caller).includes(item),
      ofNobody: false,
    },
  ]),
];

/** Begins the names of the functions that DuckDB may evaluate when it prepares a statement. */
const STEADY = 'mxcp_steady_';

function macrosOf(functions: readonly CallerFunction[], prefix: string): string[] {
  return functions.map(
    ({ name, parameter = '' }) =>
      `CREATE OR REPLACE TEMP MACRO ${name}(${parameter}) AS system.main.${prefix}${name}(${parameter})`,
  );
}

/**
 * Binds a connection to our caller functions. A macro of the same name in the database file would otherwise come first, and
 * anyone who can write to the file could forge the identity of every caller. Temporary macros come before everything else
 * under every search path, and belong to this connection alone (DuckDB 1.5.6).
 */
export const SHIELD = macrosOf(NAMES, '').join('; ');

const RIGHTS_SHIELD = macrosOf(RIGHTS, '').join('; ');
/** Whether a text needs `shieldRights`. */
export const NAMES_A_RIGHT = new RegExp(RIGHTS.map(({ name }) => name).join('|'), 'i');

/**
 * The same for a text that asks what the caller may do: each macro costs a tenth of a millisecond, so connections have these only once
 * they are needed. What a view or a macro of the database asks is up to those who write to the database.
 */
export async function shieldRights(connection: DuckDBConnection): Promise<void> {
  if (!STEADY_CONNECTIONS.has(connection)) await connection.run(RIGHTS_SHIELD);
}

const STEADY_CONNECTIONS = new WeakSet<DuckDBConnection>();
/** A column is compared with a list as a whole and not item by item in JavaScript. */
const STEADY_SHIELD = [
  ...macrosOf([...NAMES, ...RIGHTS], STEADY),
  ...LISTS.map(
    ([list, has]) =>
      `CREATE OR REPLACE TEMP MACRO ${has}(item) AS coalesce(system.main.list_contains(system.main.${STEADY}${list}(), item), false)`,
  ),
].join('; ');

/**
 * Binds a connection whose every statement is prepared for the call that runs it: a condition on the caller is then a constant, which
 * DuckDB compares with whole blocks of a table. `more` runs with it.
 */
export async function shieldSteadily(connection: DuckDBConnection, more: readonly string[] = []): Promise<void> {
  await connection.run([STEADY_SHIELD, ...more].join('; '));
  STEADY_CONNECTIONS.add(connection);
}

/** Only the caller's own headers: every object has a `constructor`. */
function headerOf({ requestHeaders = {} }: Caller, argument: string | null): string | null {
  const name = argument?.toLowerCase() ?? '';
  return Object.hasOwn(requestHeaders, name) ? (requestHeaders[name] ?? null) : null;
}

export function registerCallerFunctions(connection: DuckDBConnection, callers: Callers): void {
  for (const each of [...NAMES, ...RIGHTS]) register(connection, each, callers, true);
}

/** For connections that are bound with `shieldSteadily`. */
export function registerSteadyCallerFunctions(connection: DuckDBConnection, callers: Callers): void {
  for (const each of [...NAMES, ...RIGHTS]) register(connection, { ...each, name: STEADY + each.name }, callers, false);
}

/**
 * A caller function finds the caller by the connection that runs it. Unless it is volatile, DuckDB evaluates it when it prepares a
 * statement, and a cached statement then returns the name of the previous caller (DuckDB 1.5.6).
 */
function register(
  connection: DuckDBConnection,
  { name, parameter, type = VARCHAR, valueOf, ofNobody = null }: CallerFunction,
  callers: Callers,
  volatile: boolean,
): void {
  const mainFunction: DuckDBScalarMainFunction = (info, input, output) => {
    const state = info.getState();
    const caller = state !== undefined && 'connectionId' in state ? callers.get(Number(state.connectionId)) : undefined;
    const texts = parameter === undefined ? [] : input.getColumnValues(0);
    for (let row = 0; row < input.rowCount; row += 1) {
      const text = texts[row] ?? null;
      output.setItem(row, caller === undefined ? ofNobody : valueOf(caller, text === null ? null : String(text)));
    }
    output.flush();
  };
  connection.registerScalarFunction(
    DuckDBScalarFunction.create({
      name,
      returnType: type,
      parameterTypes: parameter === undefined ? [] : [VARCHAR],
      volatile,
      specialHandling: true,
      initFunction: (info) => info.setState({ connectionId: info.clientContext.connectionId }),
      mainFunction,
    }),
  );
}
