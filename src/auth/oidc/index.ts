export { IdentityProvider } from './identity-provider.js';
export { OidcVerifier, SIGNATURE_ALGORITHMS } from './oidc-verifier.js';
