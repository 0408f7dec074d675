import { createHmac, randomBytes } from 'node:crypto';
import type { GenerationContents } from '../project/index.js';

const TAG_KEY = randomBytes(32);
const tags = new WeakMap<GenerationContents, string>();

/**
 * The fingerprint of a configuration: the same for two generations if nothing that a reload applies differs, secret values and endpoint
 * files included. Its key is new in each process, so that nothing can be guessed from it.
 */
export function configTagOf(contents: GenerationContents): string {
  const known = tags.get(contents);
  if (known !== undefined) return known;
  const { config, endpoints } = contents;
  const parts = [
    [config.project, config.profile, config.envFiles],
    [...config.restartOnly].map(([setting, { identity }]) => [setting, identity]),
    config.references.map((each) => [each.ref, each.version, each.fingerprint]),
    config.secretValues.map((secret) => secret.reveal()),
    [...endpoints.catalog.fingerprints],
  ];
  const tag = createHmac('sha256', TAG_KEY).update(JSON.stringify(parts)).digest('hex').slice(0, 32);
  tags.set(contents, tag);
  return tag;
}
