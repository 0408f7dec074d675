import { writeSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import pc from 'picocolors';
import { pino, type Logger as PinoLogger } from 'pino';
import { createStream } from 'rotating-file-stream';
import type { Scrubber } from './scrubber.js';
import { visible } from './terminal-text.js';

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

export type LogFormat = 'text' | 'json';

const LEVEL_NAMES: Readonly<Record<number, string>> = {
  10: 'TRACE',
  20: 'DEBUG',
  30: 'INFO',
  40: 'WARN',
  50: 'ERROR',
  60: 'FATAL',
};

const STANDARD_KEYS = new Set(['level', 'time', 'component', 'msg', 'pid', 'hostname']);

/**
 * One line of text for one record: `2026-01-15T10:30:00.000Z WARN admin: message key=value`. The component stands in the
 * line so that `journalctl -u mxcp | grep admin` finds what concerns the admin socket.
 */
export function formatLine(json: string, colour: boolean): string {
  const record = parseRecord(json);
  if (record === undefined) return json;
  const level = LEVEL_NAMES[Number(record['level'])] ?? 'INFO';
  const time = timeText(record['time']);
  const fields = Object.entries(record)
    .filter(([key]) => !STANDARD_KEYS.has(key))
    .map(
      ([key, value]) =>
        `${key}=${typeof value === 'string' && !/[\s"=]/.test(value) ? value : JSON.stringify(value)}`,
    );
  const head = `${time} ${level} ${String(record['component'] ?? 'mxcp')}:`;
  const text = [String(record['msg'] ?? ''), ...fields].join(' ');
  const message = visible(text, '\n\t').replaceAll('\n', '\n    ');
  return `${colour ? paint(level, head) : head} ${message}\n`;
}

/** A field of the record may be called `time` too and then replaces it; a log line must not throw for that. */
function timeText(time: unknown): string {
  const date = new Date(Number(time));
  return Number.isNaN(date.getTime()) ? JSON.stringify(time) : date.toISOString();
}

function paint(level: string, head: string): string {
  if (level === 'ERROR' || level === 'FATAL') return pc.red(head);
  return level === 'WARN' ? pc.yellow(head) : pc.dim(head);
}

function parseRecord(json: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(json);
    // pino writes one JSON object a line; the cast only gives its keys a name.
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    // Not a record of ours: shown as it is.
    return undefined;
  }
}

export interface RotatingFile {
  readonly path: string;
  readonly maxBytes: number;
  /** How many older files are kept. */
  readonly backupCount: number;
}

export interface RotatingFileSink {
  readonly write: LogSink;
  /** Writes what is still buffered and closes the file. */
  close(): Promise<void>;
}

export interface RotatingFileEvents {
  /** The file takes no more lines, e.g. because the disk is full. */
  readonly onError: (error: Error) => void;
  /** It goes on, but something beside the lines failed, e.g. an old file could not be removed. */
  readonly onWarning: (error: Error) => void;
}

/** A log file that starts anew at `maxBytes`; older ones are `<path>.1`, `<path>.2`, …. */
export function openRotatingFile(
  file: RotatingFile,
  { onError, onWarning }: RotatingFileEvents,
): RotatingFileSink {
  const stream = createStream(
    (index) => (index === null ? basename(file.path) : `${basename(file.path)}.${String(index)}`),
    {
      path: dirname(file.path),
      size: `${file.maxBytes}B`,
      rotate: Math.max(1, file.backupCount),
    },
  );
  stream.on('error', onError);
  stream.on('warning', onWarning);
  return {
    write: (line) => {
      stream.write(line);
    },
    close: () => new Promise((resolve) => stream.end(() => resolve())),
  };
}
