import {
  existsSync,
  lstatSync,
  mkdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
  readlinkSync,
} from 'node:fs';
import { join } from 'node:path';

/**
 * Gives a folder its content as kubelet does: the files of a version in a folder of its own, and `..data`, the link that
 * all names lead through, replaced in one step. The version before it is removed after that.
 */
export function mountVolume(folder: string, files: Readonly<Record<string, string>>): void {
  mkdirSync(folder, { recursive: true });
  const data = join(folder, '..data');
  const previous = existsSync(data) ? readlinkSync(data) : undefined;
  const version = previous === '..version_1' ? '..version_2' : '..version_1';
  mkdirSync(join(folder, version));
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, version, name), content);
  symlinkSync(version, join(folder, '..data_tmp'));
  renameSync(join(folder, '..data_tmp'), data);
  for (const name of Object.keys(files)) {
    if (lstatSync(join(folder, name), { throwIfNoEntry: false }) === undefined)
      symlinkSync(`..data/${name}`, join(folder, name));
  }
  if (previous !== undefined) rmSync(join(folder, previous), { recursive: true });
}
