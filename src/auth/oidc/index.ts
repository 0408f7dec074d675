export { TokenProvider } from './token-provider.js';
export { OidcVerifier, SIGNATURE_ALGORITHMS } from './oidc-verifier.js';
