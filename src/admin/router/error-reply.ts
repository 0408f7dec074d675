import { toMxcpError } from '../../errors/index.js';
import type { Scrubber } from '../../logging/index.js';
import { AnswerError } from '../routes/index.js';
import type { Reply } from './reply-writer.js';

export interface ErrorOutput {
  readonly debug: boolean;
  /** The net under the error texts: an error may quote what it failed on. */
  readonly scrubber: Scrubber;
}

const DEFAULT_RETRY_SECONDS = 1;

/** The one place where an error becomes an answer of the admin API. */
export function toErrorReply(thrown: unknown, output: ErrorOutput): Reply {
  const error = toMxcpError(thrown);
  const status = error.httpStatus;
  const retryAfter = String(error.retryAfterSeconds ?? DEFAULT_RETRY_SECONDS);
  const shown = output.debug ? error.detail : undefined;
  return {
    status,
    body: {
      error: error.code,
      message: output.scrubber.scrub(error.message),
      ...(shown === undefined ? {} : { detail: output.scrubber.scrub(shown) }),
      ...(error instanceof AnswerError ? error.fields : {}),
    },
    headers: {
      ...(status === 503 ? { 'Retry-After': retryAfter } : {}),
      ...(error instanceof AnswerError ? error.headers : {}),
    },
  };
}
