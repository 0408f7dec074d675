export { createFolder, expandHome, isDatabaseFile, resolveDatabasePath, resolvePath } from './paths.js';
export {
  DiskReader,
  FileLedger,
  FileReadError,
  MISSING,
  type ReadFile,
  type TextReader,
  decodeText,
  fingerprint,
  readContentHash,
  readTextFile,
} from './read-files.js';
