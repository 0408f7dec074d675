export { codeNotReadable, isForeignFolder } from './code-snapshot.js';
export type { PythonReloadRequest, PythonSpec, PythonTarget, ResourcePattern } from './python-spec.js';
export { PythonWorkers } from './python-workers.js';
export type { CallNotification } from './worker-protocol.js';
