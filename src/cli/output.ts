import { writeSync } from 'node:fs';
import pc from 'picocolors';
import type { MxcpError } from '../errors/index.js';

/** Where a command writes. Standard output is for results, standard error for everything else. */
export interface Output {
  readonly isTerminal: boolean;
  print(text: string): void;
  warn(text: string): void;
  json(value: unknown): void;
}

export function createOutput(): Output {
  return {
    isTerminal: process.stdout.isTTY,
    print: (text) => writeAll(1, `${text}\n`),
    warn: (text) => writeAll(2, `${text}\n`),
    json: (value) => writeAll(1, `${JSON.stringify(value, null, 2)}\n`),
  };
}

/** How every failed command ends on standard error. */
export function printError(output: Output, error: MxcpError, debug: boolean): void {
  const label = process.stderr.isTTY ? pc.red('Error:') : 'Error:';
  output.warn(`${label} ${error.message}`);
  if (debug && error.detail !== undefined) output.warn(error.detail);
}

/** Synchronous, so that nothing is lost when the process ends right after; a reader that went away is no error. */
function writeAll(descriptor: number, text: string): void {
  let rest = Buffer.from(text);
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(descriptor, rest));
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? error.code : undefined;
      if (code === 'EPIPE') return;
      // A full pipe in non-blocking mode: the reader is slower than we are.
      if (code !== 'EAGAIN') throw error;
    }
  }
}
