import { writeSync } from 'node:fs';
import { pino, type Logger as PinoLogger } from 'pino';
import { formatLine, type LogFormat } from './log-format.js';
import type { Scrubber } from './scrubber.js';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** The logger that everything takes. `child({ component })` names the part of the program that speaks. */
export type Logger = PinoLogger;

/** Where finished lines go, in addition to or instead of standard error. Lines end with a newline. */
export type LogSink = (line: string) => void;

export interface LoggerOptions {
  readonly level: LogLevel;
  readonly format: LogFormat;
  readonly scrubber: Scrubber;
  readonly sinks?: readonly LogSink[];
}

/**
 * Creates the process's logger. Everything it writes passes the scrubber first. Standard output is never written to: in
 * stdio mode it belongs to the protocol.
 */
export function createLogger(options: LoggerOptions): Logger {
  const sinks = options.sinks ?? [stderrSink];
  const isTerminal = process.stderr.isTTY;
  const write = (json: string): void => {
    const scrubbed = options.scrubber.scrub(json);
    const line = options.format === 'json' ? scrubbed : formatLine(scrubbed, false);
    const coloured = options.format === 'text' && isTerminal ? formatLine(scrubbed, true) : line;
    for (const sink of sinks) sink(sink === stderrSink ? coloured : line);
  };
  return pino({ level: options.level, base: null }, { write });
}

/** A logger for commands and tests that have nothing to say. */
export function createSilentLogger(): Logger {
  return pino({ level: 'silent' });
}

export const stderrSink: LogSink = (line) => {
  try {
    writeSync(2, line);
  } catch {
    // Standard error is gone or full (EPIPE, EAGAIN): there is nowhere left to say so, and a log line must not end the server.
  }
};
