import { cpSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const repository = fileURLToPath(new URL('../..', import.meta.url));
const project = join(repository, 'examples', 'earthquakes');
/** A socket path may have 107 bytes on Linux, 103 on macOS. */
const LONGEST_FOLDER = 80;

/**
 * A private folder of this run, for the socket and for the files that the tour changes, so that the checkout stays as it
 * is. Short, because the path of a socket is limited; whoever creates it calls `remove`.
 */
export function createWorkspace() {
  const folder = mkdtempSync(join(tmpdir().length > LONGEST_FOLDER ? '/tmp' : tmpdir(), 'mxcp-'));
  for (const name of ['config.yml', 'demo.env', 'secrets']) {
    cpSync(join(project, name), join(folder, name), { recursive: true });
  }
  const at = (name) => join(folder, name);
  return {
    project,
    command: join(repository, 'bin', 'mxcp'),
    /** As a person in the folder of the repository would type it. */
    typedCommand: join(relative(process.cwd(), repository), 'bin', 'mxcp'),
    socket: at('admin.sock'),
    config: at('config.yml'),
    envFile: at('demo.env'),
    token: at('secrets/feed-token'),
    read: (file) => readFileSync(file, 'utf8'),
    /** By rename, so that a reload never reads half a file. */
    replace: (file, text) => {
      writeFileSync(`${file}.new`, text, { mode: 0o600 });
      renameSync(`${file}.new`, file);
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
