export { claimValues, type Claims, type ClaimMappings, type ClaimNames, userOfClaims } from './user-of-claims.js';
