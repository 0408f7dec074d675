export { Concealed, Secret } from '../logging/index.js';
export { leaseDueAt } from './leased-secrets.js';
export {
  type EnvironmentView,
  createEnvResolver,
  createFileResolver,
  loadEnvironment,
} from './references/environment.js';
export {
  PermanentReferenceError,
  type ReferenceResolver,
  type ReferenceUse,
  type ResolvedReference,
  type ResolvedReferences,
  type ResolvedValue,
  type SuspectText,
  canHeal,
  failedReferences,
  findReferences,
  refuseReferences,
  resolveReferences,
  resolvedDespite,
} from './references/resolve-references.js';
export { SecretStores, type StoreSections } from './secret-stores.js';
export {
  formatVersion,
  onepasswordSection,
  section,
  storeSections,
  text,
  vaultSection,
} from './stores/store-settings.js';
