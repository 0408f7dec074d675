export { hasPythonFiles } from './code-snapshot.js';
export type { CallNotification, PythonReloadRequest, PythonSpec, PythonTarget } from './python-spec.js';
export { PythonWorkers } from './python-workers.js';
