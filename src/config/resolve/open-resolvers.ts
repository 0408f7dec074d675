import type { YamlSource } from '../yaml/yaml-source.js';
import { partOf, type TimeLimit } from '../references/http/time-limit.js';
import type { ReferenceResolver } from '../references/reference-resolver.js';
import type { ReferenceUse } from '../references/reference-uses.js';
import type { SecretStores } from '../references/secret-stores.js';
import type { SettingsPlace } from '../references/settings-place.js';
import { createStoreSections } from './store-sections.js';

export interface OpeningInput {
  readonly uses: readonly ReferenceUse[];
  readonly source: YamlSource;
  /** Those that need no settings: variables and files. */
  readonly local: readonly ReferenceResolver[];
  readonly stores: SecretStores;
  readonly place: SettingsPlace;
  readonly limit: TimeLimit;
}

/** A store that gives up itself says why; what is left of the time is for saying it. */
const STORES_PART = 0.9;

/** What resolves each scheme. Opens only the stores that a reference points to. */
export async function openResolvers(input: OpeningInput): Promise<ReadonlyMap<string, ReferenceResolver>> {
  const { uses, source, local, stores, place, limit } = input;
  const schemes = new Set(
    uses.flatMap(({ reference }) => (reference.kind === 'store' ? reference.scheme : [])),
  );
  const resolvers = byScheme(local);
  const sections = createStoreSections({ uses, source, resolvers, signal: limit.signal });
  const opened = await stores.openResolvers(schemes, { sections, place, limit: partOf(limit, STORES_PART) });
  return byScheme([...local, ...opened]);
}

function byScheme(resolvers: readonly ReferenceResolver[]): ReadonlyMap<string, ReferenceResolver> {
  return new Map(resolvers.map((resolver) => [resolver.scheme, resolver]));
}
