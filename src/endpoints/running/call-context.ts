import type { Caller } from '../../caller/index.js';
import type { CallNotification } from '../../python/index.js';
import type { Asking, Reply } from '../../questions/index.js';
import type { CallTiming } from '../../telemetry/index.js';
import type { CallOrigin } from './call-log.js';

/** What a transport knows about one call. */
export interface CallContext {
  readonly caller: Caller;
  /** Aborted when the client disconnects or cancels: the call then ends and its query is interrupted. */
  readonly signal: AbortSignal;
  /** Sends a notification to the client before the call is answered. Absent when the client takes none. Must not throw. */
  readonly notify?: ((notification: CallNotification) => void) | undefined;
  /** What the client can be asked for; asked only by calls that have a question. Absent when it cannot be asked. */
  readonly asking?: (() => Asking) | undefined;
  /** How the client answers the questions of an earlier attempt at this call. */
  readonly reply?: Reply | undefined;
  /** The group whose endpoints it may call; undefined for all endpoints. */
  readonly group?: string | undefined;
  /** For the log. */
  readonly origin?: CallOrigin | undefined;
  /** Records where the time goes. Its transport ends it. */
  readonly timing?: CallTiming | undefined;
  /** Whether the answer is for a model, so that a list is shortened to what the endpoint and the server allow. */
  readonly fits?: boolean | undefined;
  /** Whether the call comes from the owner of the project, whom no rate limit concerns. */
  readonly isOwner?: boolean | undefined;
  /** For `mxcp run --skip-output-validation`. */
  readonly skipOutputValidation?: boolean | undefined;
}

/** Arguments as the client sent them. */
export type SentArguments = Readonly<Record<string, unknown>>;
