export {
  type Admission,
  type Authenticator,
  type AuthRequest,
  EndedToken,
  MalformedCredentials,
  NoCredentials,
  type TokenVerifier,
} from './authenticator.js';
export { FailedAttempts, TooManyFailures } from './failed-attempts.js';
