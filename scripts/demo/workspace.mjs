import { cpSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const repository = fileURLToPath(new URL('../..', import.meta.url));
const project = join(repository, 'examples', 'earthquakes');
/** The longest socket path in bytes is 107 on Linux and 103 on macOS. */
const LONGEST_FOLDER = 80;

/**
 * A private folder for the socket and the files that the tour changes, so that the checkout stays unchanged. Its path is
 * short, because socket paths are limited. The caller removes it with `remove`.
 */
export function createWorkspace() {
  const folder = mkdtempSync(join(tmpdir().length > LONGEST_FOLDER ? '/tmp' : tmpdir(), 'mxcp-'));
  for (const name of ['config.yml', 'demo.env', 'secrets']) {
    cpSync(join(project, name), join(folder, name), { recursive: true });
  }
  const at = (name) => join(folder, name);
  return {
    folder,
    project,
    command: join(repository, 'bin', 'mxcp'),
    /** As typed in the folder of the repository. */
    typedCommand: join(relative(process.cwd(), repository), 'bin', 'mxcp'),
    socket: at('admin.sock'),
    config: at('config.yml'),
    envFile: at('demo.env'),
    token: at('secrets/feed-token'),
    read: (file) => readFileSync(file, 'utf8'),
    /** Replaces a file by rename, so that a reload never reads half of it. */
    replace: (file, text) => {
      writeFileSync(`${file}.new`, text, { mode: 0o600 });
      renameSync(`${file}.new`, file);
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
