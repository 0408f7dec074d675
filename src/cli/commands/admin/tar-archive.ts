import { promisify } from 'node:util';
import { gzip } from 'node:zlib';

export interface ArchiveFile {
  readonly name: string;
  readonly text: string;
}

const BLOCK = 512;

/** A gzipped tar archive in the format that POSIX calls ustar: a header of one block before each file, two empty blocks at the end. */
export function toTarGz(files: readonly ArchiveFile[], folder: string, writtenAt: Date): Promise<Buffer> {
  const blocks = files.flatMap(({ name, text }) => {
    const content = Buffer.from(text);
    const padding = Buffer.alloc((BLOCK - (content.length % BLOCK)) % BLOCK);
    return [toHeader(`${folder}/${name}`, content.length, writtenAt), content, padding];
  });
  return promisify(gzip)(Buffer.concat([...blocks, Buffer.alloc(2 * BLOCK)]));
}

/** The names of the archive are short and plain, so the long ones of the format are not needed. */
function toHeader(name: string, size: number, writtenAt: Date): Buffer {
  const header = Buffer.alloc(BLOCK);
  const write = (text: string, offset: number): void => void header.write(text, offset, 'latin1');
  const octal = (value: number, digits: number): string => `${value.toString(8).padStart(digits, '0')}\0`;
  write(name, 0);
  write(octal(0o600, 7), 100);
  // Owner and group are root in the archive; who unpacks it becomes the owner.
  write(octal(0, 7), 108);
  write(octal(0, 7), 116);
  write(octal(size, 11), 124);
  write(octal(Math.floor(writtenAt.getTime() / 1000), 11), 136);
  // A regular file.
  write('0', 156);
  write('ustar\x0000', 257);
  // The checksum counts its own field as blanks.
  header.fill(' ', 148, 156);
  const sum = header.reduce((total, byte) => total + byte, 0);
  write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return header;
}
