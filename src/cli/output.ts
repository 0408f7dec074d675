import { writeSync } from 'node:fs';
import { errorCodeOf, messageOf, MxcpError } from '../errors/index.js';

/**
 * Where a command writes. Standard output is for results, and what cannot be written there throws `output_failed`. Standard
 * error is for everything else.
 */
export interface Output {
  /** Standard output is a terminal: a person reads it, not a program. */
  readonly isTerminal: boolean;
  readonly isErrorTerminal: boolean;
  /** Text as it is, without a line end of our own. */
  readonly write: (text: string) => void;
  readonly writeError: (text: string) => void;
  print(line: string): void;
  warn(line: string): void;
  json(value: unknown): void;
  /** From now on, what goes to standard error passes this first. */
  scrubWith(scrub: (text: string) => string): void;
  readonly scrub: (text: string) => string;
}

export function createOutput(): Output {
  let scrubber = (text: string): string => text;
  const write = (text: string): void => {
    const failure = writeAll(1, text);
    if (failure !== undefined) throw outputFailed(failure);
  };
  // What cannot be written here cannot be told anywhere; the exit code still says how the command ended.
  const writeError = (text: string): void => void writeAll(2, scrubber(text));
  return {
    isTerminal: process.stdout.isTTY,
    isErrorTerminal: process.stderr.isTTY,
    write,
    writeError,
    print: (line) => write(`${line}\n`),
    warn: (line) => writeError(`${line}\n`),
    json: (value) => write(`${JSON.stringify(value, null, 2)}\n`),
    scrubWith: (scrub) => {
      scrubber = scrub;
    },
    scrub: (text) => scrubber(text),
  };
}

/**
 * Synchronous, so that nothing is lost when the process ends right after. Answers with what stood in the way; a reader that
 * went away does not.
 */
function writeAll(descriptor: number, text: string): Error | undefined {
  let rest = Buffer.from(text);
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(descriptor, rest));
    } catch (error) {
      const code = errorCodeOf(error);
      if (code === undefined || !(error instanceof Error)) throw error;
      if (code === 'EPIPE') return undefined;
      if (code !== 'EAGAIN') return error;
      // A full pipe in non-blocking mode: the reader is slower than we are.
      Atomics.wait(PAUSE, 0, 0, 1);
    }
  }
  return undefined;
}

function outputFailed(cause: Error): MxcpError {
  return new MxcpError(
    'output_failed',
    `standard output cannot be written: ${messageOf(cause)}; make room, or send it elsewhere`,
    { cause },
  );
}

/** Nobody ever wakes it: waiting on it for a millisecond is a pause that gives the reader the processor. */
const PAUSE = new Int32Array(new SharedArrayBuffer(4));
