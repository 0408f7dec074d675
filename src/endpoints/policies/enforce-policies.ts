import { addDecision, type Caller, type Decision, DeniedByRule } from '../../caller/index.js';
import { MxcpError } from '../../errors/index.js';
import type { AnswerChange, EndpointPolicies, PolicyOutcome } from '../../policies/index.js';
import type { CallTiming } from '../../telemetry/index.js';
import {
  changeResult,
  textOf,
  hasSensitive,
  type ShapedResult,
  toJsonValue,
  type TypeDefinition,
} from '../../values/index.js';
import { toPartChange, UnfitAnswerError } from './answer-changes.js';
import type { PromptMessage } from '../callable/render-prompt.js';

/** A call that policies guard. They record on it what they decided. */
interface GuardedCall {
  readonly context: { readonly caller: Caller; readonly timing?: CallTiming | undefined };
  decision?: Decision | undefined;
}

/** Throws `policy_denied` unless the caller may make this call. `values` are the arguments after defaults and checks. */
export function enforceInput(
  policies: EndpointPolicies,
  call: GuardedCall,
  values: Readonly<Record<string, unknown>>,
): void {
  if (!policies.hasInputRules) return;
  const phase = call.context.timing?.begin('policy');
  record('input', call, policies.checkInput(call.context.caller, values));
  phase?.end();
}

/** What the caller may see of a result. Throws `policy_denied`. */
export async function enforceOutput(
  policies: EndpointPolicies,
  call: GuardedCall,
  { result, returns }: { readonly result: ShapedResult; readonly returns: TypeDefinition | undefined },
): Promise<ShapedResult> {
  if (!policies.hasOutputRules) return result;
  const phase = call.context.timing?.begin('policy');
  const response = policies.readsResponse ? await toJsonValue(result) : undefined;
  const outcome = policies.checkOutput(call.context.caller, response);
  record('output', call, outcome);
  const changes = policies.changesOf(outcome);
  const changed = changes.length === 0 ? result : await applyChanges(changes, call, { result, returns });
  phase?.end();
  return changed;
}

/** Content that a function made has no fields, and nothing says which of it is sensitive. */
async function applyChanges(
  changes: readonly AnswerChange[],
  call: GuardedCall,
  { result, returns }: { readonly result: ShapedResult; readonly returns: TypeDefinition | undefined },
): Promise<ShapedResult> {
  if (result.shape === 'content') {
    const isOpen = changes.every(({ action }) => action === 'filter_sensitive_fields');
    if (isOpen && returns !== undefined && !hasSensitive(returns)) return result;
    return refuse(call, new UnfitAnswerError('the answer is content, which has no fields'));
  }
  const change = toPartChange(changes, { returns, isList: result.shape === 'array' });
  return changeResult(result, change).catch((error: unknown) => refuse(call, error));
}

/** Rules of a prompt can only deny: it answers with messages. Throws `policy_denied`. */
export function enforceMessages(
  policies: EndpointPolicies,
  call: GuardedCall,
  messages: readonly PromptMessage[],
): void {
  if (!policies.hasOutputRules) return;
  const phase = call.context.timing?.begin('policy');
  const response = messages.map(({ role, content }) => ({ prompt: textOf(content), role, type: content.type }));
  record('output', call, policies.checkOutput(call.context.caller, response));
  phase?.end();
}

const WORDS = {
  input: { failed: 'Policy enforcement failed', reason: 'Access denied by policy' },
  output: { failed: 'Output policy enforcement failed', reason: 'Output blocked by policy' },
} as const;

/** The client gets the reason and the id, never the rule. */
function record(direction: 'input' | 'output', call: GuardedCall, outcome: PolicyOutcome): void {
  const { outcomes, deniedBy } = outcome;
  const applied = outcomes.filter(({ applies }) => applies);
  const failed = outcomes.flatMap(({ rule, error }) => (error === undefined ? [] : [[rule.name, error] as const]));
  const onlyLogged = applied.filter(({ rule }) => !rule.isEnforced).map(({ rule }) => rule.name);
  const { decision, reason } = toVerdict(direction, outcome);
  call.decision = addDecision(call.decision, {
    decision,
    reason,
    policies: outcomes.map(({ rule }) => rule.name),
    ...(onlyLogged.length > 0 && { onlyLogged }),
    ...(failed.length > 0 && { failed: Object.fromEntries(failed) }),
  });
  if (deniedBy === undefined) return;
  throw denial(
    direction,
    call.decision,
    deniedBy.error && `${deniedBy.rule.name} could not be evaluated: ${deniedBy.error}`,
  );
}

function toVerdict(
  direction: 'input' | 'output',
  { outcomes, deniedBy }: PolicyOutcome,
): Pick<Decision, 'decision' | 'reason'> {
  const defaultReason = WORDS[direction].reason;
  if (deniedBy !== undefined) return { decision: 'deny', reason: deniedBy.rule.reason ?? defaultReason };
  const applied = outcomes.find(({ applies }) => applies);
  if (applied === undefined) return { decision: 'allow', reason: null };
  const { action, reason, isEnforced } = applied.rule;
  if (isEnforced) return { decision: 'warn', reason: `Output modified by ${action}` };
  const effect = action === 'deny' ? `would be denied: ${reason ?? defaultReason}` : `would be modified by ${action}`;
  return { decision: 'warn', reason: effect };
}

function denial(direction: 'input' | 'output', { id, reason }: Decision, cause: string | undefined): MxcpError {
  const message = `${WORDS[direction].failed}: ${reason} (decision ${id})`;
  return new MxcpError(
    'policy_denied',
    message,
    cause === undefined ? {} : { logMessage: `${message}; ${cause}`, cause },
  );
}

/** An answer that a rule cannot change as it should is not passed on. */
function refuse(call: GuardedCall, error: unknown): never {
  if (!(error instanceof UnfitAnswerError)) throw error;
  call.decision = addDecision(call.decision, { decision: 'deny', reason: WORDS.output.reason, policies: [] });
  throw denial('output', call.decision, `the rules cannot be applied: ${error.message}`);
}

/** A call whose SQL the rules for rows may have refused. */
interface DecidedCall {
  /** What they refused to code, which may have caught the error. */
  denied?: DeniedByRule | undefined;
  decision?: Decision | undefined;
}

/** Records on a call that has its answer that SQL of its code was refused. */
export function recordDenied(call: DecidedCall | undefined): void {
  if (call?.denied === undefined) return;
  const { rule, reason } = call.denied;
  call.decision = addDecision(call.decision, { decision: 'warn', reason, policies: [rule] });
}

/** The error of a call that has failed: with the id of the decision where the rules for rows are the reason. */
export function toDenial(call: DecidedCall | undefined, error: MxcpError): MxcpError {
  const denied = error instanceof DeniedByRule ? error : call?.denied;
  if (call === undefined || denied === undefined) return error;
  const { rule, reason, message, logMessage } = denied;
  // Code that fails with an error of its own has caught this one.
  const isCause = error === denied || error.code === 'python_failed';
  call.decision = addDecision(call.decision, { decision: isCause ? 'deny' : 'warn', reason, policies: [rule] });
  if (!isCause) return error;
  const withId = (text: string): string => `${text} (decision ${call.decision?.id})`;
  // The log warns of what the project has to correct.
  const cause = denied.isByCaller ? undefined : denied;
  if (error === denied)
    return new MxcpError('policy_denied', withId(message), { logMessage: withId(logMessage), cause });
  const { place } = error;
  const logged = `${withId(logMessage)}; ${error.logMessage}`;
  return new MxcpError('policy_denied', withId(logMessage), { logMessage: logged, place, cause });
}
