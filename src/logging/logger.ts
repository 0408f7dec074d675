import { fstatSync, writeSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import pc from 'picocolors';
import { pino, type Logger as PinoLogger } from 'pino';
import { createStream, type RotatingFileStream } from 'rotating-file-stream';
import { clip, visible } from '../errors/index.js';
import { type LogLevel, LogLevelControl } from './log-level.js';
import type { Scrubber } from './scrubber.js';

/** Every part of the program logs with one of these. `child({ component })` names the part. */
export type Logger = PinoLogger;

/** Receives finished lines, in addition to or instead of standard error. Lines end with a newline. */
export type LogSink = (line: string) => void;

interface LoggerOptions {
  readonly level: LogLevel;
  readonly format: LogFormat;
  readonly scrubber: Scrubber;
  readonly sinks?: readonly LogSink[] | undefined;
  /** Gets the level of each line that is written, its text, and its fields if it asks for them. */
  readonly onLine?: LineListener;
  /** Gets the logger and each of its children. */
  readonly onLogger?: (logger: Logger) => void;
}

export type LineListener = (level: string, text: string, record: () => Readonly<Record<string, unknown>>) => void;

/**
 * Creates a logger that redacts secrets from every line. It never writes to standard output, which belongs to the protocol
 * in stdio mode.
 */
export function createLogger({
  level,
  format,
  scrubber,
  sinks = [stderrSink],
  onLine,
  onLogger,
}: LoggerOptions): Logger {
  const isTerminal = process.stderr.isTTY;
  const isJournal = leadsToJournal(process.env['JOURNAL_STREAM']);
  const write = (json: string): void => {
    const scrubbed = scrubber.scrub(json);
    const line = format === 'json' ? scrubbed : formatLine(scrubbed, false);
    const coloured = format === 'text' && isTerminal ? formatLine(scrubbed, true) : line;
    const shown = isJournal ? withPriority(line, levelOf(scrubbed)) : coloured;
    for (const sink of sinks) sink(sink === stderrSink ? shown : line);
    onLine?.(levelOf(scrubbed), line, () => parseRecord(scrubbed) ?? {});
  };
  const formatters = { level: (label: string) => ({ level: label }) };
  const onChild = (child: Logger): void => onLogger?.(child);
  const options = { level, base: null, timestamp: pino.stdTimeFunctions.isoTime, formatters, onChild };
  const logger = pino(options, { write });
  onLogger?.(logger);
  return logger;
}

/** systemd names the stream of a service that leads to its journal by device and inode. */
function leadsToJournal(stream: string | undefined): boolean {
  if (stream === undefined) return false;
  const { dev, ino } = fstatSync(2);
  return stream === `${dev}:${ino}`;
}

const PRIORITIES: Readonly<Record<string, number>> = { fatal: 2, error: 3, warn: 4, info: 6, debug: 7 };

/** As `sd-daemon(3)` describes it: the journal takes the number off each line, and `journalctl -p` selects by it. */
export function withPriority(line: string, level: string): string {
  return line.replaceAll(/^(?=.)/gm, `<${PRIORITIES[level] ?? PRIORITIES['info']}>`);
}

/** pino writes the level first. */
function levelOf(json: string): string {
  return /^\{"level":"(\w+)"/.exec(json)?.[1] ?? 'info';
}

/** A logger that writes nothing, for commands and tests. */
export function createSilentLogger(): Logger {
  return pino({ level: 'silent' });
}

export const stderrSink: LogSink = (line) => {
  try {
    writeSync(2, line);
  } catch {
    // Standard error is closed or full (EPIPE, EAGAIN): it cannot be reported anywhere, and a log line must not end the server.
  }
};

export type LogFormat = 'text' | 'json';

const STANDARD_KEYS = new Set(['level', 'time', 'component', 'msg', 'pid', 'hostname']);

/**
 * Formats one record as one line of text: `2026-01-15T10:30:00.000Z WARN admin: message key=value`. The component is in the
 * line so that `journalctl -u mxcp | grep admin` finds what concerns the admin socket. Further lines of a message follow the
 * fields, which so stay beside what they belong to.
 */
export function formatLine(json: string, colour: boolean): string {
  const record = parseRecord(json);
  if (record === undefined) return json;
  const label = String(record['level']);
  const level = (Object.hasOwn(pino.levels.values, label) ? label : 'info').toUpperCase();
  const time = timeText(record['time']);
  const fields = Object.entries(record)
    .filter(([key]) => !STANDARD_KEYS.has(key))
    .map(
      ([key, value]) => `${key}=${typeof value === 'string' && !/[\s"=]/.test(value) ? value : JSON.stringify(value)}`,
    );
  const head = `${time} ${level} ${String(record['component'] ?? 'mxcp')}:`;
  const [first = '', ...more] = String(record['msg'] ?? '').split('\n');
  const text = [[first, ...fields].join(' '), ...more].join('\n');
  const message = visible(text, '\n\t').replaceAll('\n', '\n    ');
  return `${colour ? paint(level, head) : head} ${message}\n`;
}

/** A field of the record may also be called `time` and then replaces it; a log line must not throw because of that. */
function timeText(time: unknown): string {
  const isTime = typeof time === 'string' && !Number.isNaN(Date.parse(time));
  return isTime ? time : JSON.stringify(time);
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
    // Not one of our records: printed unchanged.
    return undefined;
  }
}

/** `logging` of the user configuration. */
export interface LoggingConfig {
  readonly enabled: boolean;
  readonly level: LogLevel;
  /** Null for no file. */
  readonly path: string | null;
  readonly maxBytes: number;
  /** How many older files are kept. */
  readonly backupCount: number;
}

/** How long a log file that could not be written, e.g. because the disk was full, is left alone. */
const REOPEN_AFTER_MS = 60_000;

/**
 * The logger of a server, and the log file once the configuration has named one: it is rotated at `maxBytes`, older ones are
 * `<path>.1`, `<path>.2`, …. The server closes it.
 */
export class ServerLog {
  readonly logger: Logger;
  readonly level: LogLevelControl;
  readonly #debug: boolean;
  #config: (LoggingConfig & { readonly path: string }) | undefined;
  #stream: RotatingFileStream | undefined;
  #reopenAt = 0;
  /** What else learns of each line. */
  onLine: LineListener = () => {};

  constructor({ debug, sinks = [stderrSink], ...options }: Omit<LoggerOptions, 'level'> & { debug: boolean }) {
    this.#debug = debug;
    const level = debug ? 'debug' : 'info';
    this.level = new LogLevelControl(level);
    this.logger = createLogger({
      ...options,
      level,
      sinks: [...sinks, (line) => this.#writeToFile(line)],
      onLine: (lineLevel, text, record) => this.onLine(lineLevel, text, record),
      onLogger: (logger) => this.level.add(logger),
    });
  }

  /** Debug mode wins over the level of the configuration. */
  configure(config: LoggingConfig): void {
    const { enabled, level, path } = config;
    if (!enabled) this.level.configure('error');
    else if (!this.#debug) this.level.configure(level);
    if (!enabled || path === null) return;
    this.#config = { ...config, path };
    this.#stream = this.#openFile(this.#config);
  }

  /**
   * Opens the log file anew at its path, for programs such as logrotate that have renamed it. What was written before goes to the renamed
   * file. Returns the path; undefined without a file.
   */
  reopen(): string | undefined {
    if (this.#config === undefined) return undefined;
    const before = this.#stream;
    this.#reopenAt = 0;
    this.#stream = this.#openFile(this.#config);
    before?.end();
    return this.#config.path;
  }

  /** Writes what is still buffered. */
  async close(): Promise<void> {
    const stream = this.#stream;
    this.#stream = undefined;
    this.#config = undefined;
    this.level.dispose();
    if (stream !== undefined) await new Promise<void>((resolve) => stream.end(resolve));
  }

  #writeToFile(line: string): void {
    if (this.#stream === undefined && this.#config !== undefined && performance.now() >= this.#reopenAt)
      this.#stream = this.#openFile(this.#config);
    this.#stream?.write(line);
  }

  #openFile({ path, maxBytes, backupCount }: LoggingConfig & { readonly path: string }): RotatingFileStream {
    const name = (index: number | Date | null): string =>
      index === null ? basename(path) : `${basename(path)}.${String(index)}`;
    const rotate = Math.max(1, backupCount);
    const stream = createStream(name, { path: dirname(path), size: `${maxBytes}B`, rotate });
    stream.on('error', ({ message: reason }) => {
      if (this.#stream === stream) this.#giveUp(path, reason);
    });
    stream.on('warning', ({ message: reason }) => {
      this.logger.warn({ path, reason }, 'the log file could not be rotated completely');
    });
    return stream;
  }

  /** Reported on standard error, which still works. */
  #giveUp(path: string, reason: string): void {
    this.#stream?.end();
    this.#stream = undefined;
    this.#reopenAt = performance.now() + REOPEN_AFTER_MS;
    this.logger.error(
      { path, reason },
      'the log file cannot be written; the next attempt is in a minute, until then lines go to standard error only',
    );
  }
}

const MAX_LINES = 1000;
const MAX_CHARACTERS = 512 * 1024;
/** A longer line is cut, or one could push out all others. */
const MAX_LINE = 8 * 1024;

/**
 * The last lines of the log, in memory, for operators who cannot read where it is written. It never holds more than half a
 * million characters.
 */
export class RecentLines {
  readonly #lines: string[] = [];
  #characters = 0;
  /** Lines that had to make room. */
  #leftOut = 0;
  readonly #scrubber: Scrubber;

  constructor(scrubber: Scrubber) {
    this.#scrubber = scrubber;
  }

  lineLogged({ text }: { readonly text: string }): void {
    const line = clip(text.trimEnd(), MAX_LINE);
    this.#lines.push(line);
    this.#characters += line.length;
    while (this.#lines.length > MAX_LINES || this.#characters > MAX_CHARACTERS) {
      this.#characters -= this.#lines.shift()?.length ?? 0;
      this.#leftOut += 1;
    }
  }

  /** The last `count` lines, the oldest first, and how many were written before them. */
  last(count: number): { readonly lines: readonly string[]; readonly leftOut: number } {
    // Again, because a value may have become a secret after the line was written.
    const lines = this.#lines.slice(-count).map((line) => this.#scrubber.scrub(line));
    return { lines, leftOut: this.#leftOut + this.#lines.length - lines.length };
  }
}
