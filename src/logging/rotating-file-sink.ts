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

/** A log file that starts anew at `maxBytes`; older ones are `<path>.1`, `<path>.2`, …. `onError` hears of a full disk. */
export function openRotatingFile(file: RotatingFile, onError: (error: Error) => void): RotatingFileSink {
  const stream = createStream(
    (index) => (index === null ? basename(file.path) : `${basename(file.path)}.${String(index)}`),
    {
      path: dirname(file.path),
      size: `${file.maxBytes}B`,
      rotate: Math.max(1, file.backupCount),
    },
  );
  stream.on('error', onError);
  stream.on('warning', onError);
  return {
    write: (line) => {
      stream.write(line);
    },
    close: () => new Promise((resolve) => stream.end(() => resolve())),
  };
}
