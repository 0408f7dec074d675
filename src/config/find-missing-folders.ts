import type { Problem } from '../errors/index.js';
import type { ConfigTemplate } from './config-template.js';
import { DiskReader } from './files/disk-reader.js';
import { FileReadError } from './files/file-read-error.js';
import { resolvePath } from './home-path.js';

/** The folders that something is read from; the others are made when they are needed. */
const READ_FOLDERS = ['tools', 'resources', 'prompts', 'python'] as const;

/**
 * A folder that somebody named has to be there, or a slip in its name is a server without endpoints. Those that have the
 * name they have anyway need not be: few projects have every kind.
 */
export async function findMissingFolders(
  { site, siteSource }: Pick<ConfigTemplate, 'site' | 'siteSource'>,
  projectRoot: string,
): Promise<readonly Problem[]> {
  const disk = new DiskReader();
  const problems = READ_FOLDERS.map(async (key): Promise<Problem[]> => {
    const folder = resolvePath(projectRoot, site.paths[key]);
    const wrong = await whyNoFolder(folder, disk);
    if (wrong === undefined || (wrong === 'does not exist' && site.paths[key] === key)) return [];
    const path = ['paths', key];
    const message = `\`${path.join('.')}\`: the folder ${folder} ${wrong}; create it, or correct the name`;
    return [{ ...siteSource.positionOf(path), path: path.join('.'), message }];
  });
  return (await Promise.all(problems)).flat();
}

async function whyNoFolder(
  path: string,
  disk: DiskReader,
): Promise<'does not exist' | 'is not a folder' | undefined> {
  try {
    return (await disk.stat(path)).isDirectory() ? undefined : 'is not a folder';
  } catch (error) {
    if (!(error instanceof FileReadError)) throw error;
    // What cannot be looked at is told by whoever reads from it.
    return error.missing ? 'does not exist' : undefined;
  }
}
