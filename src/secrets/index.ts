export { leaseDueAt } from './leases.js';
export {
  type EnvironmentView,
  createEnvResolver,
  createFileResolver,
  loadEnvironment,
} from './references/environment.js';
export {
  LastingReferenceError,
  type ReferenceResolver,
  type ResolvedReference,
  type ResolvedValue,
  canHeal,
  failedReferences,
  resolvedDespite,
} from './references/reference-resolver.js';
export {
  type ReferenceUse,
  type ResolvedReferences,
  findReferences,
  resolveReferences,
} from './references/resolve-references.js';
export { Concealed, Secret } from './references/secret.js';
export { SecretStores, type StoreSections } from './secret-stores.js';
export { limitTime, partOf } from './stores/http-peer.js';
export {
  formatVersion,
  onepasswordSection,
  section,
  storeSections,
  text,
  vaultSection,
} from './stores/store-settings.js';
