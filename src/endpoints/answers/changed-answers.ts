import { type CallArguments, type ListLimits, type RowKeeper, type ShapedResult, shorten } from '../../values/index.js';
import { toContinued } from './cursor-pages.js';
import type { Callable } from '../callable/endpoint-set.js';
import { enforceOutput } from '../policies/enforce-policies.js';
import { type KeptResults, withLink } from './kept-results.js';
import type { RunningCall } from '../running/running-call.js';

interface WantedAnswer {
  readonly limits: ListLimits | undefined;
  readonly keeper: RowKeeper | undefined;
}

interface ChangedCall {
  readonly callArguments: CallArguments;
  readonly limits: ListLimits | undefined;
  /** Where more is kept than the answer has; undefined if nothing is. */
  readonly kept: KeptResults | undefined;
  /** Whether the caller gets a link to what is kept. */
  readonly isLinked: boolean;
  /** Runs the endpoint. */
  readonly answer: (wanted: WantedAnswer) => Promise<ShapedResult>;
}

/** An answer that policies change, or of which more is kept than it has. */
export async function answerChanged(
  callable: Callable,
  call: RunningCall,
  { callArguments, limits, kept, isLinked, answer }: ChangedCall,
): Promise<ShapedResult> {
  const { policies, returns, rules } = callable;
  const keeper = kept && createKeeper(callable, call, { callArguments, kept, isLinked });
  const changes = policies?.hasOutputRules === true;
  // Policies that read the result need the whole one. The rows that an SQL tool leaves out were never asked for.
  const needsWhole = policies?.readsResponse === true && rules.argument !== 'limit';
  const isReadWhole = needsWhole || (keeper !== undefined && changes);
  try {
    if (!changes) {
      const result = await answer({ limits, keeper });
      return keeper === undefined ? result : await withLink(result, keeper);
    }
    const whole = await answer({ limits: isReadWhole ? undefined : limits, keeper: undefined });
    const allowed = await enforceOutput(policies, call, { result: whole, returns });
    const result = limits === undefined ? allowed : shorten(allowed, limits, returns?.minItems);
    if (keeper === undefined) return result;
    // What is kept is what the caller may see.
    for (const text of allowed.texts) await keeper.add(text);
    return await withLink(result, keeper);
  } catch (error) {
    await keeper?.discard();
    throw error;
  }
}

function createKeeper(
  callable: Callable,
  call: RunningCall,
  { callArguments, kept, isLinked }: Pick<ChangedCall, 'callArguments' | 'isLinked'> & { readonly kept: KeptResults },
): RowKeeper | undefined {
  const { rules, endpoint, scopes } = callable;
  const continues = rules.argument === 'cursor' ? () => toContinued(callable, callArguments, call) : undefined;
  const { caller, group } = call.context;
  return kept.keeperFor({ endpoint, caller, group, scopes, isLinked, continues });
}
