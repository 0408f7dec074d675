import { basename, dirname } from 'node:path';
import { createStream } from 'rotating-file-stream';
import type { LogSink } from './logger.js';

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
