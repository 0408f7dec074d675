import { MxcpError, type ErrorCode, type MxcpErrorOptions } from '../../errors/index.js';

export interface AnswerErrorOptions extends MxcpErrorOptions {
  /** Stand beside `error` and `message` in the body. */
  readonly fields?: Readonly<Record<string, unknown>>;
  readonly headers?: Readonly<Record<string, string>>;
}

/** An error that answers with more than its code and message. */
export class AnswerError extends MxcpError {
  readonly fields: Readonly<Record<string, unknown>>;
  readonly headers: Readonly<Record<string, string>>;

  constructor(code: ErrorCode, message: string, options: AnswerErrorOptions = {}) {
    super(code, message, options);
    this.fields = options.fields ?? {};
    this.headers = options.headers ?? {};
  }
}
