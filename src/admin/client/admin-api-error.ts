import type { ReloadRecord } from '../../contract/index.js';
import { ERROR_CODES, type ErrorCode, MxcpError } from '../../errors/index.js';
import type { SocketAnswer } from './socket-request.js';

/** The server refused, or could not do, what it was asked. */
export class AdminApiError extends MxcpError {
  readonly status: number;
  /** As the server wrote it: a newer server may have codes that this client does not know (`code` is then `internal`). */
  readonly serverCode: string;
  /** The whole answer. */
  readonly body: unknown;
  /** Of a reload that was waited for and failed. */
  readonly reload: ReloadRecord | undefined;
  /** The id of a reload that still runs. */
  readonly reloadId: string | undefined;

  constructor(answer: SocketAnswer) {
    const fields = asFields(answer.body);
    const serverCode = asText(fields['error']) ?? 'internal';
    const message = asText(fields['message']) ?? `the server answered with status ${answer.status}`;
    const detail = asText(fields['detail']);
    super(isErrorCode(serverCode) ? serverCode : 'internal', message, detail === undefined ? {} : { detail });
    this.status = answer.status;
    this.body = answer.body;
    this.serverCode = serverCode;
    // Only this field of this answer carries a record, and the server is trusted to keep its contract.
    this.reload = fields['reload'] as ReloadRecord | undefined;
    this.reloadId = /^\/reloads\/(.+)$/.exec(answer.location ?? '')?.[1];
  }
}

function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(ERROR_CODES, code);
}

function asFields(body: unknown): Readonly<Record<string, unknown>> {
  return typeof body === 'object' && body !== null ? { ...body } : {};
}

function asText(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
