import { chmodSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

/** Writes files, each with the folders above it; a project also gets its folder for data. */
export function writeFiles(folder: string, files: Readonly<Record<string, string>>): void {
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), content);
  }
  if ('mxcp-site.yml' in files) mkdirSync(join(folder, 'data'), { recursive: true });
}

/** A new folder that the user of a container can read. The caller removes it. */
export function createSharedFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'mxcp-shared-'));
  chmodSync(folder, 0o755);
  return folder;
}
