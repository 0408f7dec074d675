import { writeSync } from 'node:fs';
import { isatty } from 'node:tty';
import pc from 'picocolors';
import { errorCodeOf, messageOf, MxcpError, visibleLines } from '../../errors/index.js';

/**
 * Where a command writes. Standard output is for results; a result that cannot be written throws `output_failed`. Standard
 * error is for everything else.
 */
export interface Output {
  /** Standard output is a terminal: a person reads it, not a program. */
  readonly isTerminal: boolean;
  readonly isErrorTerminal: boolean;
  /** Whether the reader of standard output has closed its end, so that everything written there is lost. */
  readonly isReaderGone: boolean;
  /** The width of the terminal. */
  readonly columns: number;
  /** Writes text as it is, without adding a line end. */
  readonly write: (text: string) => void;
  readonly writeError: (text: string) => void;
  print(line: string): void;
  warn(line: string): void;
  /** Without control characters, which JSON may contain from U+007F on. */
  json(value: unknown): void;
  /** From now on, `scrub` is applied to everything that goes to standard error. */
  scrubWith(scrub: (text: string) => string): void;
  readonly scrub: (text: string) => string;
}

/** What the line of an error begins with on standard error. */
export function errorLabel(output: Output): string {
  return output.isErrorTerminal ? pc.red('Error:') : 'Error:';
}

/** `descriptor` is where standard output is. */
export function createOutput(descriptor = 1): Output {
  let scrubber = (text: string): string => text;
  let isReaderGone = false;
  const write = (text: string): void => {
    const failure = writeAll(descriptor, text);
    if (failure === undefined) return;
    if (errorCodeOf(failure) === 'EPIPE') {
      isReaderGone = true;
      return;
    }
    throw new MxcpError(
      'output_failed',
      `cannot write to standard output: ${messageOf(failure)}; free some disk space, or redirect the output`,
      { cause: failure },
    );
  };
  // There is no other place to report that standard error cannot be written; the exit code still says how the command ended.
  const writeError = (text: string): void => void writeAll(2, scrubber(text));
  return {
    isTerminal: isatty(descriptor),
    isErrorTerminal: process.stderr.isTTY,
    get isReaderGone() {
      return isReaderGone;
    },
    // 0 is what some terminals report that do not know their width.
    columns: process.stdout.columns || 80,
    write,
    writeError,
    print: (line) => write(`${line}\n`),
    warn: (line) => writeError(`${line}\n`),
    json: (value) => write(`${visibleLines(JSON.stringify(value, null, 2))}\n`),
    scrubWith: (scrub) => {
      scrubber = scrub;
    },
    scrub: (text) => scrubber(text),
  };
}

/** Waiting on it for a millisecond pauses this thread, so that the reader gets the processor. No thread ever notifies it. */
const PAUSE = new Int32Array(new SharedArrayBuffer(4));

/**
 * Writes synchronously, so that nothing is lost when the process ends right after. Returns the error that prevented it; EPIPE when the
 * reader has closed the pipe.
 */
function writeAll(descriptor: number, text: string): Error | undefined {
  let rest = Buffer.from(text);
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(descriptor, rest));
    } catch (error) {
      const code = errorCodeOf(error);
      if (code === undefined || !(error instanceof Error)) throw error;
      if (code !== 'EAGAIN') return error;
      // A full pipe in non-blocking mode: the reader is slower than this process.
      Atomics.wait(PAUSE, 0, 0, 1);
    }
  }
  return undefined;
}
