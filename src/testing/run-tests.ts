import type { EndpointCatalog, EndpointDefinition, EndpointTest } from '../endpoints/index.js';
import { formatProblem, toMxcpError } from '../errors/index.js';
import { toTokens } from '../values/index.js';
import { checkResult } from './check-result.js';

export interface TestOutcome {
  readonly name: string;
  readonly description: string | null;
  /** `failed`: the result is not the expected one. `error`: the call itself failed. */
  readonly status: 'passed' | 'failed' | 'error';
  /** Each problem with its place in the endpoint file; empty when the test passed. */
  readonly problems: readonly string[];
  readonly durationMs: number;
  /** About how many tokens the whole result costs a model; undefined if there is none. */
  readonly tokens: number | undefined;
}

export interface EndpointTests {
  /** `tool/sales`; a resource is named by its URI. */
  readonly endpoint: string;
  readonly path: string;
  /** Why none of its tests ran: its file has errors. */
  readonly problems: readonly string[];
  readonly outcomes: readonly TestOutcome[];
}

export interface TestReport {
  readonly status: 'ok' | 'failed' | 'error';
  readonly endpoints: readonly EndpointTests[];
}

/** One call of a test. Resolves with the result as JSON. */
export type CallForTest = (definition: EndpointDefinition, test: EndpointTest) => Promise<unknown>;

/**
 * Runs the tests of all endpoints of a catalog, one after the other, in the order of their files. Those of `refused` files, by
 * path, are not run.
 */
export async function runTests(
  catalog: EndpointCatalog,
  call: CallForTest,
  refused: ReadonlyMap<string, string> = new Map(),
): Promise<TestReport> {
  const endpoints: EndpointTests[] = catalog.failures.map(({ kind, name, path, problems }) => ({
    endpoint: `${kind ?? 'endpoint'}/${name ?? path}`,
    path,
    problems: problems.map(formatProblem),
    outcomes: [],
  }));
  for (const definition of catalog.endpoints) {
    const { kind, path, tests } = definition;
    const name = kind === 'resource' ? definition.uri : definition.name;
    const problem = refused.get(path);
    const outcomes: TestOutcome[] = [];
    if (problem === undefined)
      for (const [index, test] of tests.entries()) outcomes.push(await runTest(definition, [index, test], call));
    endpoints.push({ endpoint: `${kind}/${name}`, path, problems: problem === undefined ? [] : [problem], outcomes });
  }
  endpoints.sort((a, b) => (a.path < b.path ? -1 : 1));
  return { status: toStatus(endpoints), endpoints };
}

async function runTest(
  definition: EndpointDefinition,
  [index, test]: readonly [number, EndpointTest],
  call: CallForTest,
): Promise<TestOutcome> {
  const startedAt = performance.now();
  const { status, messages, tokens } = await judge(definition, test, call);
  return {
    name: test.name,
    description: test.description ?? null,
    status,
    problems: messages.map((message) => formatProblem({ ...definition.positions.test(index), message })),
    durationMs: performance.now() - startedAt,
    tokens,
  };
}

type Verdict = Pick<TestOutcome, 'status'> & {
  readonly messages: readonly string[];
  readonly tokens?: number | undefined;
};

async function judge(definition: EndpointDefinition, test: EndpointTest, call: CallForTest): Promise<Verdict> {
  let result: unknown;
  try {
    result = await call(definition, test);
  } catch (thrown) {
    const error = toMxcpError(thrown);
    if (error.code === 'internal') throw error;
    return { status: 'error', messages: [error.message] };
  }
  const messages = checkResult(test, result);
  const tokens = toTokens(Buffer.byteLength(JSON.stringify(result) ?? ''));
  return { status: messages.length === 0 ? 'passed' : 'failed', messages, tokens };
}

function toStatus(endpoints: readonly EndpointTests[]): TestReport['status'] {
  const all = endpoints.flatMap(({ outcomes }) => outcomes.map(({ status }) => status));
  if (all.includes('error') || endpoints.some(({ problems }) => problems.length > 0)) return 'error';
  return all.includes('failed') ? 'failed' : 'ok';
}
