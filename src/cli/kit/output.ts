import { writeSync } from 'node:fs';
import Table from 'cli-table3';
import pc from 'picocolors';
import { errorCodeOf, messageOf, MxcpError } from '../../errors/index.js';
import { visible } from '../../logging/terminal-text.js';

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

const SIDES = ['top', 'bottom', 'left', 'right'] as const;
const CORNERS = ['top-mid', 'top-left', 'top-right', 'bottom-mid', 'bottom-left', 'bottom-right'] as const;
const RULES = ['mid', 'mid-mid', 'left-mid', 'right-mid'] as const;

/** Columns are told apart by space alone. */
const CHARACTERS = {
  ...Object.fromEntries([...SIDES, ...CORNERS, ...RULES].map((place) => [place, ''])),
  middle: '  ',
};

export type Row = readonly string[];

/** Aligned columns under a head on a terminal; in a pipe one line a row, columns separated by tabs. */
export function printTable(output: Output, head: Row, rows: readonly Row[]): void {
  if (output.isTerminal) output.print(alignRows([head.map(pc.bold), ...rows.map(toVisible)]));
  else for (const row of [head, ...rows]) output.print(toVisible(row).join('\t'));
}

/** Names and values: aligned on a terminal, `name: value` in a pipe. */
export function printFields(
  output: Output,
  fields: readonly (readonly [name: string, value: string])[],
): void {
  if (output.isTerminal)
    output.print(alignRows(fields.map(([name, value]) => [pc.dim(name), visible(value)])));
  else for (const [name, value] of fields) output.print(`${name}: ${visible(value)}`);
}

function alignRows(rows: readonly Row[]): string {
  const table = new Table({
    chars: CHARACTERS,
    style: { 'padding-left': 0, 'padding-right': 0, head: [], border: [] },
  });
  table.push(...rows.map((row) => [...row]));
  return table
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
}

function toVisible(row: Row): Row {
  return row.map((cell) => visible(cell));
}

/** Who waits longer than this is told what for. */
const PATIENCE_MS = 1_000;

/**
 * Tells a person at a terminal what takes so long, on a line that is gone when it is over; in a pipe it says nothing.
 * `activity` is asked each time, so it may change. The caller ends it.
 */
export function startProgress(output: Output, activity: () => string): { end(): void } {
  if (!output.isErrorTerminal) return { end: () => {} };
  let shown = false;
  const timer = setInterval(() => {
    shown = true;
    output.writeError(`\r\u001B[K${activity()} …`);
  }, PATIENCE_MS);
  timer.unref();
  return {
    end: () => {
      clearInterval(timer);
      if (shown) output.writeError('\r\u001B[K');
    },
  };
}

/** As `startProgress`, for as long as `work` takes. */
export async function withProgress<T>(output: Output, activity: string, work: Promise<T>): Promise<T> {
  const progress = startProgress(output, () => activity);
  try {
    return await work;
  } finally {
    progress.end();
  }
}
