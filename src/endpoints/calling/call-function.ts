import type { DeniedByRule } from '../../caller/index.js';
import type { PythonTarget, PythonWorkers } from '../../python/index.js';
import { type CallQuestions, QuestionsAsked } from '../../questions/index.js';
import type { OpenPhase } from '../../telemetry/index.js';
import { type CallArguments, type ResultOptions, ValueCollector } from '../../values/index.js';
import type { CallContext } from './call-context.js';
import { originFields } from './call-log.js';

interface FunctionCall {
  /** Undefined when the project has no Python; then no endpoint may need it. */
  readonly python: Pick<PythonWorkers, 'call'> | undefined;
  readonly context: CallContext;
  /** What the code may ask the client, and what it has answered. */
  readonly questions: CallQuestions | undefined;
  /** Of the deadline of the call, which includes the signal of the client. */
  readonly signal: AbortSignal;
  readonly options: ResultOptions;
  /** Learns of SQL of the function that the rules for rows refuse. */
  readonly onDenied: (denied: DeniedByRule) => void;
}

/** What a function has returned, not yet checked as a whole. */
interface ReturnedValue {
  readonly collector: ValueCollector;
  readonly phase: OpenPhase | undefined;
}

/** Runs a Python function in a worker. Throws `QuestionsAsked` when it asks its client, and what `PythonWorkers.call` and `ValueCollector` throw. */
export async function callFunction(
  target: PythonTarget,
  { bindings }: CallArguments,
  { python, context: { caller, notify, origin, timing }, questions, signal, options, onDenied }: FunctionCall,
): Promise<ReturnedValue> {
  if (python === undefined) throw new Error(`no Python workers to call ${target.file} with`);
  const collector = new ValueCollector(options);
  const { onShape, onItem } = collector;
  const { maxResultBytes, endpoint, limits, keeper, returns } = options;
  const least = Math.max(1, returns?.minItems ?? 0);
  const part = keeper === undefined && limits !== undefined ? { ...limits, least } : undefined;
  const phase = timing?.begin('python', { code: target.file, parameters: Object.keys(bindings).length });
  const trace = phase === undefined ? origin?.trace : timing?.contextOf(phase);
  const onStatement = timing && ((statement: string) => timing.begin('duckdb', { statement }, phase));
  const lineFields = { endpoint, ...originFields(origin) };
  const call = { caller, endpoint, signal, notify, maxResultBytes, part, onShape, onItem, trace, lineFields };
  const known = { kinds: [...(questions?.kinds ?? [])], answers: questions?.answers ?? new Map() };
  await python.call(target, bindings, { ...call, onStatement, onDenied, questions: known }).catch((error: unknown) => {
    if (!(error instanceof QuestionsAsked) || questions === undefined) throw error;
    phase?.end();
    questions.ask(error.questions);
  });
  phase?.end();
  return { collector, phase };
}
