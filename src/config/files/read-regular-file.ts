import * as fs from 'node:fs';
import { promisify } from 'node:util';
import { FileReadError, toReadError } from './file-read-error.js';

const open = promisify(fs.open);
const fstat = promisify(fs.fstat);
const read = promisify(fs.read);
const readToEnd = promisify(fs.readFile);
const close = promisify(fs.close);

/**
 * What a whole regular file holds. A pipe or a device is refused, and does not hold the caller. Throws `FileReadError`. On
 * descriptors, not on file handles: those of `fs/promises` take twice as long for a small file (Node 20).
 */
export async function readRegularFile(path: string, maxBytes: number): Promise<Buffer> {
  try {
    // Not blocking: opening a pipe that nobody writes to would otherwise hold one of the few I/O threads for ever.
    const descriptor = await open(path, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK);
    try {
      return await readDescriptor(descriptor, maxBytes);
    } finally {
      await close(descriptor);
    }
  } catch (error) {
    throw toReadError(error);
  }
}

async function readDescriptor(descriptor: number, maxBytes: number): Promise<Buffer> {
  const stat = await fstat(descriptor);
  if (stat.isDirectory()) throw new FileReadError('is a folder', false);
  if (!stat.isFile()) throw new FileReadError('is not a regular file', false);
  if (stat.size > maxBytes) throw new FileReadError(`is larger than ${maxBytes} bytes`, false);
  // Files of /proc say that they have no size.
  return stat.size === 0 ? readToEnd(descriptor) : readBytes(descriptor, stat.size);
}

/** Fewer when the file has become shorter meanwhile. */
async function readBytes(descriptor: number, size: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafe(size);
  let length = 0;
  while (length < size) {
    const { bytesRead } = await read(descriptor, buffer, length, size - length, null);
    if (bytesRead === 0) break;
    length += bytesRead;
  }
  return buffer.subarray(0, length);
}
