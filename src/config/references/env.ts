import type { EnvironmentView } from './environment-view.js';
import { LastingReferenceError } from './reference-failure.js';
import type { ReferenceResolver } from './reference-resolver.js';

/** `${NAME}`, looked up in a view that was read for this resolve. */
export function createEnvResolver(view: EnvironmentView, envFiles: readonly string[]): ReferenceResolver {
  const places = envFiles.length === 0 ? 'the environment' : 'the environment or in an env file';
  return {
    scheme: 'env',
    resolve: async (name) => {
      const found = view.lookup(name);
      if (found === undefined) {
        const reason = `not set in ${places}; set it, or give it a default with \`\${${name}:-…}\``;
        // Nobody can change the environment of a process that runs.
        throw envFiles.length === 0 ? new LastingReferenceError(reason) : new Error(reason);
      }
      return found;
    },
  };
}
