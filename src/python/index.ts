export { codeNotReadable, isForeignFolder } from './code-snapshot.js';
export type { PythonReloadRequest, PythonSpec, PythonTarget } from './python-spec.js';
export { PythonWorkers } from './python-workers.js';
export type { CallNotification } from './worker-protocol.js';
