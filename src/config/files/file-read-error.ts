import { errorCodeOf, isMissing } from '../../errors/index.js';

/** Why a file or folder was not read, in words that go behind its name. `missing` tells an absent one from other failures. */
export class FileReadError extends Error {
  readonly missing: boolean;

  constructor(reason: string, missing: boolean, options?: ErrorOptions) {
    super(reason, options);
    this.missing = missing;
  }

  /** Whether permissions are what stands in the way. */
  get isRefused(): boolean {
    const code = errorCodeOf(this.cause) ?? '';
    return code === 'EACCES' || code === 'EPERM';
  }
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'does not exist',
  ENOTDIR: 'does not exist',
  EISDIR: 'is a folder',
  EACCES: 'may not be read by this user',
  EPERM: 'may not be read by this user',
  ELOOP: 'is a symbolic link that leads in a circle',
  ENXIO: 'is not a regular file',
  ENAMETOOLONG: 'has a name that is too long',
  EMFILE: 'cannot be opened: this process has too many open files',
};

/** Anything that a look at the disk threw, as the reason. */
export function toReadError(error: unknown): FileReadError {
  if (error instanceof FileReadError) return error;
  const code = errorCodeOf(error) ?? 'unknown error';
  return new FileReadError(REASONS[code] ?? `cannot be read (${code})`, isMissing(error), { cause: error });
}
