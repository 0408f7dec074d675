export { hasPythonFiles } from './python-folder.js';
export type {
  CallNotification,
  PythonCallOptions,
  PythonConfiguration,
  PythonLimits,
  PythonOutputLine,
  PythonReloadRequest,
  PythonSpec,
  PythonTarget,
} from './python-spec.js';
export { PythonWorkers } from './python-workers.js';
