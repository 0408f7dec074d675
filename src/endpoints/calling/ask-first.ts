import {
  type Attempt,
  type CallQuestions,
  digestOf,
  type OpenedState,
  answersAny,
  openReply,
  QuestionsAsked,
  type QuestionStates,
  takeAnswers,
} from '../../questions/index.js';
import type { MxcpError } from '../../errors/index.js';
import type { CallArguments } from '../../values/index.js';
import type { CallContext, SentArguments } from '../running/call-context.js';
import type { CalledEndpoint } from '../running/call-failures.js';
import type { ConfirmedCall, ConfirmationServices } from '../callable/confirmation.js';
import type { Callable } from '../callable/endpoint-set.js';
import type { ResolvedConfig } from '../../config/index.js';

type AskedCall = ConfirmedCall &
  Called & {
    readonly opened: OpenedState | undefined;
    readonly isEmbedding?: boolean;
    questions?: CallQuestions | undefined;
  };

interface Called {
  readonly called: CalledEndpoint & { readonly sent: SentArguments };
  readonly context: CallContext;
}

interface AskingServices extends ConfirmationServices {
  readonly questions?: QuestionStates | undefined;
}

type Configured = { readonly config?: Pick<ResolvedConfig, 'confirmations'> | undefined };

/**
 * Opens the reply to an earlier attempt, before the call leases anything. The earlier attempt was counted, so this one is only if the reply is not
 * valid, answers nothing or has come before: such replies have no end, because a call may fail before it uses its answer up. Throws what
 * `openReply` and `count` throw.
 */
export function openSentReply(
  call: Called & { questionId?: string },
  configured: Configured,
  { questions, count }: AskingServices & { readonly count: () => void },
): OpenedState | undefined {
  let isCounted = true;
  try {
    const opened = openReply(toAttempt(call, configured, questions), ({ id }) => (call.questionId = id));
    const answers = opened !== undefined && answersAny(opened, call.context.reply);
    isCounted = !answers || questions?.isFirstTry(opened) !== true;
    return opened;
  } finally {
    if (isCounted) count();
  }
}

/**
 * Takes the answers of the client, once for a call, and asks for what a person must agree to. A prompt asks for the resources that it holds.
 * Throws what `takeAnswers` and `Confirmation.require` throw.
 */
export async function askFirst(
  callable: Pick<Callable, 'endpoint' | 'digest' | 'confirm'>,
  callArguments: CallArguments,
  call: AskedCall & { readonly generation: Configured },
  services: AskingServices,
): Promise<void> {
  const attempt = { ...toAttempt(call, call.generation, services.questions), opened: call.opened };
  const questions = call.questions ?? (await takeAnswers(callable, attempt));
  call.questions = questions;
  const place = call.isEmbedding === true ? digestOf([callable.endpoint, callArguments.values]) : undefined;
  const within = place === undefined ? undefined : { place, definition: callable.digest() };
  await callable.confirm?.require({ callArguments, questions, within }, call, services);
}

function toAttempt(
  { called, context: { caller, asking, reply } }: Called,
  { config }: Configured,
  states: QuestionStates | undefined,
): Omit<Attempt, 'opened'> {
  const { kind, name, sent } = called;
  return { call: { caller, kind, name, sent }, asking, reply, states, shared: config?.confirmations?.reveal() };
}

/** Whether the transport asks the client now and makes the next attempt at the call itself. */
export function isContinued(error: MxcpError, { asking }: CallContext): boolean {
  return error instanceof QuestionsAsked && asking?.().waits === true;
}
