export { DiskReader, FileReadError, decodeText, readTextFile } from './disk-reader.js';
export { FileLedger, MISSING, type ReadFile, type TextReader, fingerprint, readMark } from './file-ledger.js';
export { createFolder, expandHome, isDatabaseFile, resolveDatabasePath, resolvePath } from './paths.js';
