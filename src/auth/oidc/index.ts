export { IdentityProvider } from './identity-provider.js';
export { OidcVerifier } from './oidc-verifier.js';
