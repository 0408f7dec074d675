export { createIssuer, type IssuerProject, issuerOf } from './create-issuer.js';
export type { Sessions } from './sessions.js';
