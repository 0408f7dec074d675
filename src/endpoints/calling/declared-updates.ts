import { UriTemplate } from '../definitions/uri-template.js';
import { exampleOf } from '../definitions/update-rules.js';
import type { RunningCall } from '../running/running-call.js';

/** Notes what `updates` of a tool says that a call with these arguments has changed. */
export function noteUpdates(updates: readonly string[], values: Readonly<Record<string, unknown>>, call: RunningCall) {
  noteUpdated(
    updates.map((uri) => {
      const template = new UriTemplate(uri);
      const isFilled = template.placeholders.every((name) => values[name] !== null && values[name] !== undefined);
      // Without a value, it may be any resource of the template.
      return isFilled ? template.expand(values) : (call.generation.endpoints.declaredUri(exampleOf(template)) ?? uri);
    }),
    call,
  );
}

export function noteUpdated(uris: readonly string[], call: RunningCall): void {
  call.updated = new Set([...(call.updated ?? []), ...uris]);
}
