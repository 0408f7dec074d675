import {
  type CallToolResult,
  MissingRequiredClientCapabilityError,
  ProtocolError,
  ProtocolErrorCode,
} from '@modelcontextprotocol/server';
import { clip, clipMiddle, isCallersMistake, type MxcpError } from '../errors/index.js';
import type { Scrubber } from '../logging/index.js';
import { CannotAsk } from '../questions/index.js';
import { toCapabilities } from './client-questions.js';

export interface CallTarget {
  readonly kind: 'tool' | 'resource' | 'prompt';
  readonly name: string;
}

/** A failed tool call as the model sees it: a result with `isError`, so that the model can act on the message. */
export function toToolFailure(name: string, error: MxcpError, scrubber: Scrubber): CallToolResult {
  const message = shownMessage(error, scrubber);
  // The name of the tool is in front already.
  const reason = message.replace(`invalid arguments for tool "${name}": `, 'invalid arguments: ');
  const text = isMeantForClients(error) ? message : `Error executing tool ${name}: ${reason}`;
  return { content: [{ type: 'text', text }], isError: true };
}

/** Redacted first: half a secret would not be recognised. Only a text of the endpoint itself may have any length. */
function shownMessage(error: MxcpError, scrubber: Scrubber): string {
  const message = scrubber.scrub(error.message);
  return isMeantForClients(error) ? message : clipMiddle(message);
}

/** Whether the text is an answer that the endpoint itself gives. */
function isMeantForClients({ code }: MxcpError): boolean {
  return code === 'tool_error' || code === 'not_found';
}

/** What the 2025 revisions answer for a resource that does not exist. The SDK knows only the code of 2026 (2.4.0). */
export const RESOURCE_NOT_FOUND = -32_002;

/** The data of that error, by which it is recognised when it is sent. */
export class MissingLegacyResource {
  readonly uri: string;

  constructor(uri: string) {
    this.uri = uri;
  }
}

interface ErrorContext {
  readonly scrubber: Scrubber;
  /** Whether the request is of the current revision. */
  readonly isModern: boolean;
}

/** A mistake of the caller is `Invalid params`, unless the revision has a code of its own for it. */
export function toProtocolError(
  { kind, name }: CallTarget,
  error: MxcpError,
  { scrubber, isModern }: ErrorContext,
): ProtocolError {
  const isUnknown = error.code === 'endpoint_not_found';
  const isMissing = isUnknown || error.code === 'not_found';
  if (kind === 'resource' && isMissing) {
    const message = isUnknown ? `Resource not found: ${clip(name, 200)}` : scrubber.scrub(error.message);
    const data = isModern ? { uri: name } : new MissingLegacyResource(name);
    return new ProtocolError(ProtocolErrorCode.InvalidParams, message, data);
  }
  if (isModern && error instanceof CannotAsk)
    return new MissingRequiredClientCapabilityError(
      { requiredCapabilities: toCapabilities(error.kinds) },
      shownMessage(error, scrubber),
    );
  if (isUnknown) return new ProtocolError(ProtocolErrorCode.InvalidParams, `Unknown ${kind}: ${clip(name, 200)}`);
  const code = isCallersMistake(error.code) ? ProtocolErrorCode.InvalidParams : ProtocolErrorCode.InternalError;
  const { retryAfterSeconds } = error;
  const data = { code: error.code, ...(retryAfterSeconds !== undefined && { retryAfterSeconds }) };
  return new ProtocolError(code, shownMessage(error, scrubber), data);
}

/** What a client hears as an error of the protocol, also of a tool: its model can do nothing about it. */
const PROTOCOL_ERRORS: ReadonlySet<string> = new Set(['group_not_found', 'endpoint_not_found', 'insufficient_scope']);

/** What is wrong with a `requestState`, or what the client cannot do: a model knows nothing about that. */
const STATE_ERRORS: ReadonlySet<string> = new Set([
  'confirmation_invalid',
  'confirmation_expired',
  'confirmation_used',
  'confirmation_outdated',
  'confirmation_unsupported',
]);

/** Whether a client hears of the failure of a tool as an error of the protocol. */
export function isOfProtocol({ code }: MxcpError, isModern: boolean): boolean {
  return PROTOCOL_ERRORS.has(code) || (isModern && STATE_ERRORS.has(code));
}
