export { OnepasswordSession } from './onepassword-session.js';
export { loadOnepasswordSettings } from './onepassword-settings.js';
export type { OnepasswordSdk } from './sdk-account.js';
