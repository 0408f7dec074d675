import {
  CLIENT_CAPABILITIES_META_KEY,
  type ClientCapabilities,
  type InputRequiredResult,
  SdkError,
  SdkErrorCode,
  type Server,
  type ServerContext as RequestContext,
} from '@modelcontextprotocol/server';
import { messageOf } from '../errors/index.js';
import { deadlineIn } from '../lifecycle/index.js';
import { type Asking, type Question, type QuestionKind, QuestionsAsked, type Reply } from '../questions/index.js';

/** Rounds of questions in one call. Code that never stops asking ends here. */
const MAX_ROUNDS = 20;

const TOO_MANY_ROUNDS = `the call has asked ${MAX_ROUNDS} times`;

const METHODS = {
  elicitation: 'elicitation/create',
  sampling: 'sampling/createMessage',
  roots: 'roots/list',
} as const satisfies Record<QuestionKind, string>;

/** What the client of a request can be asked for. A client of 2025 is asked while its request waits for the answer. */
export function askingOf(server: Server, { mcpReq: { envelope } }: RequestContext, canReceive: boolean): Asking {
  const waits = envelope === undefined;
  const declared = waits ? server.getClientCapabilities() : Reflect.get(envelope, CLIENT_CAPABILITIES_META_KEY);
  return { kinds: waits && !canReceive ? new Set() : kindsIn(declared), waits };
}

/** A client that names no mode of elicitation has forms: other modes came later. */
function kindsIn({ elicitation, sampling, roots }: ClientCapabilities = {}): Asking['kinds'] {
  const kinds = new Set<QuestionKind>();
  const hasForms = elicitation !== undefined && (Object.keys(elicitation).length === 0 || 'form' in elicitation);
  if (hasForms) kinds.add('elicitation');
  if (sampling !== undefined) kinds.add('sampling');
  if (roots !== undefined) kinds.add('roots');
  return kinds;
}

/** What a client of 2026 sends with its next attempt at a call. */
export function replyOf({ mcpReq }: RequestContext): Reply {
  const state: unknown = mcpReq.requestState();
  return { state: typeof state === 'string' ? state : undefined, answers: mcpReq.inputResponses ?? {} };
}

/** What a client must declare to be asked. */
export function toCapabilities(kinds: readonly QuestionKind[]): ClientCapabilities {
  return Object.fromEntries(kinds.map((kind) => [kind, {}]));
}

/**
 * Passes the questions of a call on. A client of 2026 gets them as the answer and makes the next attempt itself. A client of 2025 is asked now,
 * and the attempts are repeated until there are no more questions. Throws what the attempts throw.
 */
export async function answerQuestions<R>(
  asked: QuestionsAsked,
  context: RequestContext,
  attempt: (reply: Reply) => Promise<R>,
): Promise<R | InputRequiredResult> {
  if (context.mcpReq.envelope !== undefined) return toInputRequired(asked);
  let open = asked;
  for (let round = 0; ; round += 1) {
    const isLast = round === MAX_ROUNDS;
    // The attempt after the last round is there to be recorded: it fails.
    const reply = isLast ? toFailed(open, { reason: TOO_MANY_ROUNDS }) : await ask(open, context);
    try {
      return await attempt(reply);
    } catch (error) {
      if (!(error instanceof QuestionsAsked)) throw error;
      open = error;
    }
  }
}

function toFailed({ state }: QuestionsAsked, failure: Reply['failure']): Reply {
  return { state, answers: {}, failure };
}

function toInputRequired({ questions, state }: QuestionsAsked): InputRequiredResult {
  return {
    resultType: 'input_required',
    inputRequests: Object.fromEntries(questions.map((question) => [question.key, toRequest(question)])),
    requestState: state,
  };
}

function toRequest({ kind, params }: Question) {
  // The texts and schemas of a question were checked where it was made.
  return { method: METHODS[kind], params } as NonNullable<InputRequiredResult['inputRequests']>[string];
}

/** Never rejects: the next attempt reports why there is no answer. */
async function ask(asked: QuestionsAsked, { mcpReq }: RequestContext): Promise<Reply> {
  const { questions, state, lifetimeMs: timeout } = asked;
  const round = deadlineIn(timeout, mcpReq.signal);
  try {
    const answered = questions.map(async ({ key, kind, params }) => {
      const answer = await mcpReq.send({ method: METHODS[kind], params: { ...params } }, { timeout, signal: round });
      return [key, answer] as const;
    });
    return { state, answers: Object.fromEntries(await Promise.all(answered)) };
  } catch (error) {
    return toFailed(asked, failureOf(error, mcpReq.signal));
  } finally {
    round.dispose();
  }
}

function failureOf(error: unknown, { aborted }: AbortSignal): Reply['failure'] {
  if (aborted) return { reason: 'it has left' };
  const timedOut = error instanceof SdkError && error.code === SdkErrorCode.RequestTimeout;
  return timedOut ? { timedOut } : { reason: messageOf(error) };
}
