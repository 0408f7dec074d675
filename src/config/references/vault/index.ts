export { createVaultResolver } from './vault-resolver.js';
export { VaultSession } from './vault-session.js';
export { loadVaultSettings } from './vault-settings.js';
