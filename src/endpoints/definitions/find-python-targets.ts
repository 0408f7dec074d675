import type { PythonTarget } from '../../runtime/index.js';
import type { EndpointCatalog } from './endpoint-definition.js';

/** The Python functions that the endpoints of a catalogue call. */
export function findPythonTargets({ endpoints }: EndpointCatalog): readonly PythonTarget[] {
  return endpoints.flatMap((endpoint) =>
    endpoint.kind !== 'prompt' && endpoint.source.language === 'python' ? [endpoint.source.python] : [],
  );
}
