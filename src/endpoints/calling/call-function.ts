import type { DeniedByRule } from '../../caller/index.js';
import type { PythonTarget } from '../../python/index.js';
import { QuestionsAsked } from '../../questions/index.js';
import type { OpenPhase } from '../../telemetry/index.js';
import { type CallArguments, type ResultOptions, ValueCollector } from '../../values/index.js';
import { originFields } from '../running/call-log.js';
import { noteUpdated } from './declared-updates.js';
import type { RunningCall } from '../running/running-call.js';

/** What a function has returned, not yet checked as a whole. */
interface ReturnedValue {
  readonly collector: ValueCollector;
  readonly phase: OpenPhase | undefined;
}

/** Runs a Python function in a worker. Throws `QuestionsAsked` when it asks its client, and what `PythonWorkers.call` and `ValueCollector` throw. */
export async function callFunction(
  target: PythonTarget,
  { bindings }: CallArguments,
  call: RunningCall,
  options: ResultOptions,
): Promise<ReturnedValue> {
  const { generation, deadline } = call;
  const { python } = generation;
  // The questions of a resource in a prompt have no place in a message.
  const questions = call.isEmbedding === true ? undefined : call.questions;
  const { caller, notify, origin, timing } = call.context;
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
  const listeners = {
    onShape,
    onItem,
    onStatement,
    onDenied: (denied: DeniedByRule) => (call.denied = denied),
    onUpdated: (uris: readonly string[]) => noteUpdated(uris, call),
  };
  const about = { caller, endpoint, signal: deadline.signal, notify, maxResultBytes, part, trace, lineFields };
  const known = { kinds: [...(questions?.kinds ?? [])], answers: questions?.answers ?? new Map() };
  await python.call(target, bindings, { ...about, ...listeners, questions: known }).catch((error: unknown) => {
    if (!(error instanceof QuestionsAsked) || questions === undefined) throw error;
    phase?.end();
    questions.ask(error.questions);
  });
  phase?.end();
  return { collector, phase };
}
