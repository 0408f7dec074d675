import { assertScopes, type Caller, type DeniedByRule } from '../../caller/index.js';
import type { QueryableDatabase } from '../../duckdb/index.js';
import { MxcpError, nearSuggestion } from '../../errors/index.js';
import type { CallGate } from '../../lifecycle/index.js';
import { coerce, createBinder, type ParameterDefinition } from '../../values/index.js';
import { COMPLETED_TEXT } from '../definitions/definition-rules.js';
import { type EndpointDefinition, endpointLabel } from '../definitions/endpoint-definition.js';
import { UriTemplate } from '../definitions/uri-template.js';
import { type CalledEndpoint, notFound } from '../running/call-failures.js';
import { enforceInput } from '../policies/enforce-policies.js';
import type { RunningCall } from '../running/running-call.js';

/** What a person has typed of an argument, and the other arguments so far. */
export interface CompletionRequest {
  /** The name of a prompt, or the template of a resource. */
  readonly of: CalledEndpoint;
  readonly argument: string;
  readonly typed: string;
  readonly given: Readonly<Record<string, string>>;
}

export interface Completion {
  readonly values: readonly string[];
  /** Undefined when there are more than were counted. */
  readonly total: number | undefined;
  readonly hasMore: boolean;
}

/** A request that was found to be valid. */
interface ReadRequest {
  readonly endpoint: string;
  readonly policies: EndpointDefinition['policies'];
  readonly parameter: ParameterDefinition;
  readonly typed: string;
  readonly parameters: readonly ParameterDefinition[];
  /** The arguments so far, for policies and SQL; null for one that is missing or of another type. */
  readonly values: Readonly<Record<string, unknown>>;
}

/** Throws `endpoint_not_found`, `insufficient_scope`, `params_invalid`. */
function readCompletion(
  endpoints: readonly EndpointDefinition[],
  { of, argument, typed, given }: CompletionRequest,
  caller: Caller,
): ReadRequest {
  const uri = of.kind === 'resource' ? new UriTemplate(of.name).text : undefined;
  const known = endpoints.filter(({ kind }) => kind === of.kind);
  const definition = known.find((each) => (each.kind === 'resource' ? each.uri === uri : each.name === of.name));
  if (definition === undefined) throw notFound(of, known.map(identityOf));
  const { scopes, parameters, policies } = definition;
  const endpoint = endpointLabel(of.kind, identityOf(definition));
  if (scopes.length > 0) assertScopes(endpoint, scopes, caller);
  const parameter = parameters.find(({ name }) => name === argument);
  if (parameter === undefined) {
    const names = parameters.map(({ name }) => name);
    throw new MxcpError(
      'params_invalid',
      `${endpoint} has no argument "${argument}"${nearSuggestion(argument, names)}`,
    );
  }
  const texts = new Map(Object.entries(given));
  texts.delete(argument);
  const values = Object.fromEntries(parameters.map((each) => [each.name, valueOf(each, texts.get(each.name))]));
  return { endpoint, policies, parameter, typed, parameters, values };
}

function identityOf(definition: EndpointDefinition): string {
  return definition.kind === 'resource' ? definition.uri : definition.name;
}

function valueOf(parameter: ParameterDefinition, text: string | undefined): unknown {
  if (text === undefined || text === '') return null;
  const value = coerce(parameter, text);
  const isOfType =
    parameter.type === 'array' ? Array.isArray(value) : typeof value === parameter.type.replace('integer', 'number');
  return isOfType ? value : null;
}

interface CompletionWork {
  readonly caller: Caller;
  readonly database: QueryableDatabase;
  readonly gate: CallGate;
  readonly signal: AbortSignal;
  /** Learns of SQL that the rules for rows refuse. */
  readonly onDenied: (denied: DeniedByRule) => void;
}

/** The values that fit what was typed. Throws what `readCompletion` throws, `server_busy`, `query_failed`, `query_interrupted`, `policy_denied`. */
export async function completeArgument(
  request: CompletionRequest,
  call: RunningCall,
  gate: CallGate,
): Promise<Completion> {
  const { generation, deadline, context } = call;
  const { caller } = context;
  const read = readCompletion(generation.endpoints.catalog.endpoints, request, caller);
  if (read.policies !== undefined) enforceInput(read.policies, call, read.values);
  const onDenied = (denied: DeniedByRule): void => {
    call.denied = denied;
  };
  return findMatches(read, { caller, database: generation.database, gate, signal: deadline.signal, onDenied });
}

async function findMatches(request: ReadRequest, work: CompletionWork): Promise<Completion> {
  const { parameter, typed } = request;
  const { complete: sql, enum: allowed, type } = parameter;
  if (sql === undefined) {
    const matches = new Matches(typed);
    for (const value of allowed ?? (type === 'boolean' ? [true, false] : [])) matches.add(value);
    return matches.toCompletion();
  }
  // SQL that does not read what was typed gives all values.
  const matches = new Matches(USES_TEXT.test(sql) ? '' : typed);
  await readMatches(sql, { ...request, matches }, work);
  return matches.toCompletion();
}

const USES_TEXT = new RegExp(`\\$${COMPLETED_TEXT}(?!\\w)`);

async function readMatches(
  sql: string,
  { endpoint, parameters: declared, values, typed, matches }: ReadRequest & { readonly matches: Matches },
  { gate, database, ...access }: CompletionWork,
): Promise<void> {
  const known = declared.map((each) => [each.name, createBinder(each)(values[each.name])] as const);
  const parameters = Object.fromEntries([...known, [COMPLETED_TEXT, typed] as const]);
  const onRow = (row: Readonly<Record<string, unknown>>): void => {
    matches.add(Object.values(row)[0]);
    if (matches.isFull) throw new EnoughFound();
  };
  const release = await gate.acquire(endpoint, access.signal);
  try {
    await database.query(sql, parameters, { ...access, endpoint, onRow, isOneStatement: true });
  } catch (error) {
    if (!(error instanceof EnoughFound)) throw error;
  } finally {
    release();
  }
}

/** Ends the query. */
class EnoughFound extends Error {}

/** What MCP allows. */
const MAX_VALUES = 100;

/** Different texts that begin as typed, in any case. */
class Matches {
  readonly #prefix: string;
  readonly #values = new Set<string>();

  constructor(prefix: string) {
    this.#prefix = prefix.toLowerCase();
  }

  /** One more than may be returned shows that there are more. */
  get isFull(): boolean {
    return this.#values.size > MAX_VALUES;
  }

  add(value: unknown): void {
    if (value === null || value === undefined || this.isFull) return;
    const text = typeof value === 'object' ? JSON.stringify(value) : String(value);
    if (text.toLowerCase().startsWith(this.#prefix)) this.#values.add(text);
  }

  toCompletion(): Completion {
    const values = [...this.#values].slice(0, MAX_VALUES);
    return { values, total: this.isFull ? undefined : values.length, hasMore: this.isFull };
  }
}
