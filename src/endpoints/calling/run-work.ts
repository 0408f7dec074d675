import type { PythonTarget, PythonWorkers, QueryableDatabase } from '../../runtime/index.js';
import type { CallContext, ShapedResult } from '../calls.js';
import { ResultCollector, type ResultCollectorOptions } from '../results/result-collector.js';
import { ValueCollector } from '../results/value-collector.js';
import type { SqlStatement } from '../sql-tools/sql-tools.js';
import type { CallArguments } from '../values/argument-reader.js';
import type { CallDeadline } from './call-deadline.js';

/** What an endpoint does when it is called: SQL with its parameters, or a function with its arguments. */
export type EndpointWork =
  | { readonly language: 'sql'; readonly toStatement: (callArguments: CallArguments) => SqlStatement }
  | { readonly language: 'python'; readonly target: PythonTarget };

/** What endpoints need of the Python workers of their generation. */
export type PythonFunctions = Pick<PythonWorkers, 'call' | 'inspect'>;

/** What endpoints run on. */
export interface WorkContents {
  readonly database: QueryableDatabase;
  /** Undefined when the project has no Python, and then no endpoint may need it. */
  readonly python: PythonFunctions | undefined;
}

export interface RunningCall<Contents extends WorkContents = WorkContents> {
  readonly generation: Contents;
  readonly context: CallContext;
  readonly deadline: CallDeadline;
}

export interface WorkRun {
  readonly work: EndpointWork;
  readonly callArguments: CallArguments;
  readonly result: ResultCollectorOptions;
}

/** Runs the work of one call and gives its result the declared shape. Throws what `EndpointCalls` throws. */
export function runWork({ work, callArguments, result }: WorkRun, call: RunningCall): Promise<ShapedResult> {
  return work.language === 'sql'
    ? runStatement(work.toStatement(callArguments), result, call)
    : runFunction(work.target, { work, callArguments, result }, call);
}

async function runStatement(
  { sql, bindings }: SqlStatement,
  result: ResultCollectorOptions,
  { generation, context: { caller }, deadline: { signal } }: RunningCall,
): Promise<ShapedResult> {
  const collector = new ResultCollector(result);
  await generation.database.query(sql, bindings, { caller, signal, onRow: collector.onRow });
  return collector.finish();
}

async function runFunction(
  target: PythonTarget,
  { callArguments, result }: WorkRun,
  { generation, context: { caller, notify }, deadline: { signal } }: RunningCall,
): Promise<ShapedResult> {
  const { python } = generation;
  if (python === undefined) throw new Error(`no Python workers to call ${target.file} with`);
  const collector = new ValueCollector(result);
  const { onShape, onItem } = collector;
  const { maxResultBytes } = result;
  await python.call(target, callArguments.bindings, {
    caller,
    signal,
    notify,
    maxResultBytes,
    onShape,
    onItem,
  });
  return collector.finish();
}
