export { createIssuer, type IssuerProject, issuerOf } from './create-issuer.js';
