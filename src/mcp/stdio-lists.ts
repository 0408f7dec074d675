import {
  isJSONRPCRequest,
  type JSONRPCMessage,
  type JSONRPCRequest,
  ProtocolErrorCode,
  type RequestId,
} from '@modelcontextprotocol/server';
import type { ReadMessage, UnreadableMessage } from './stdio-lines.js';

/** The only revision whose messages may come as a list. `initialize` must not be in one. */
export const VERSION_WITH_LISTS = '2025-03-26';

export function isList(read: ReadMessage | readonly ReadMessage[]): read is readonly ReadMessage[] {
  return Array.isArray(read);
}

/** The answer to a request whose identifier is in use could be taken for the answer to the other one. */
export function sortList(list: readonly ReadMessage[], isInUse: (id: RequestId) => boolean) {
  const accepted: JSONRPCMessage[] = [];
  const refused: UnreadableMessage[] = [];
  const ids = new Set<RequestId>();
  for (const read of list) {
    const message = 'message' in read ? read.message : undefined;
    const request = message !== undefined && isJSONRPCRequest(message) ? message : undefined;
    const isTwice = request !== undefined && (ids.has(request.id) || isInUse(request.id));
    if (request !== undefined) ids.add(request.id);
    if (isTwice) refused.push(idInUse(request, 'a request in a list'));
    else if (request?.method === 'initialize') refused.push(invalid(request, '`initialize` must not be in a list'));
    else if (message !== undefined) accepted.push(message);
    else if (!('message' in read) && !read.isAnswer) refused.push(read);
  }
  return { accepted, refused };
}

export function idInUse(request: JSONRPCRequest, which: string): UnreadableMessage {
  return invalid(request, `the id of ${which} is in use`);
}

function invalid({ id }: JSONRPCRequest, why: string): UnreadableMessage {
  return { code: ProtocolErrorCode.InvalidRequest, reason: `Invalid request: ${why}`, id, isAnswer: false };
}

/**
 * The answers to a list of messages, which 2025-03-26 wants as a list too. It is complete, and written, when each request of the
 * list is answered or has been cancelled.
 */
export class AnswerList {
  readonly #answers: JSONRPCMessage[] = [];
  readonly #onComplete: (answers: readonly JSONRPCMessage[]) => Promise<void>;
  #waiting: number;
  #written: (written: Promise<void>) => void = () => undefined;
  /** Settles when the list is written. */
  readonly written = new Promise<void>((resolve) => {
    this.#written = resolve;
  });

  /** `expected` requests must be answered. The last `add` or `leaveOut` passes the answers on, if there are any. */
  constructor(expected: number, onComplete: (answers: readonly JSONRPCMessage[]) => Promise<void>) {
    this.#waiting = expected;
    this.#onComplete = onComplete;
  }

  add(answer: JSONRPCMessage): void {
    this.#answers.push(answer);
    this.leaveOut();
  }

  leaveOut(): void {
    this.#waiting -= 1;
    if (this.#waiting > 0) return;
    this.#written(this.#answers.length === 0 ? Promise.resolve() : this.#onComplete(this.#answers));
  }
}
