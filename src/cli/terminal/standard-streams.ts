import { createReadStream, createWriteStream, fstatSync } from 'node:fs';
import { Socket } from 'node:net';
import type { Readable, Writable } from 'node:stream';
import { isatty, ReadStream, WriteStream } from 'node:tty';

/** Opens standard input and output as streams, where the launcher has put them. Called at most once. */
export function openStandardStreams({ input, output }: { readonly input: number; readonly output: number }): {
  readonly input: Readable;
  readonly output: Writable;
} {
  if (input === 0) return { input: process.stdin, output: process.stdout };
  return { input: toReadable(input), output: toWritable(output) };
}

function toReadable(fd: number): Readable {
  if (isatty(fd)) return new ReadStream(fd);
  return isPipe(fd)
    ? new Socket({ fd, readable: true, writable: false })
    : createReadStream('', { fd, autoClose: false });
}

function toWritable(fd: number): Writable {
  if (isatty(fd)) return new WriteStream(fd);
  return isPipe(fd)
    ? new Socket({ fd, readable: false, writable: true })
    : createWriteStream('', { fd, autoClose: false });
}

/** Node connects the processes that it starts by sockets, a shell connects them by pipes. */
function isPipe(fd: number): boolean {
  const stats = fstatSync(fd);
  return stats.isFIFO() || stats.isSocket();
}
