import type { ResolvedConfig } from '../../config/index.js';
import type { EndpointSet } from '../../endpoints/index.js';
import type { GenerationDatabase, PythonWorkers } from '../../runtime/index.js';

/** What one generation holds: everything a call needs, immutable once it serves. */
export interface Serving {
  readonly config: ResolvedConfig;
  /** A reload without definitions hands this on as it is. */
  readonly endpoints: EndpointSet;
  readonly database: GenerationDatabase;
  /** Undefined when the project has no Python code. */
  readonly python: PythonWorkers | undefined;
}
