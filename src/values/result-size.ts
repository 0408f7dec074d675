import { MxcpError } from '../errors/index.js';

/** `result_too_large`. `reached` says how far the result came: `at row 7`. */
export function tooLarge(what: string, maxBytes: number, reached: string): MxcpError {
  return new MxcpError(
    'result_too_large',
    `${what} is larger than ${maxBytes} bytes (reached ${reached}); ask for less, or raise --max-result-bytes`,
  );
}

/** An estimate: JSON has about four bytes for each token of a model. */
export function toTokens(bytes: number): number {
  return Math.ceil(bytes / 4);
}
