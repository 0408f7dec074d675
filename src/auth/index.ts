export { type Authentication } from './authentication.js';
export { createAuthentication } from './create-authentication.js';
