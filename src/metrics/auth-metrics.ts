import { Counter, type Registry } from 'prom-client';
import {
  AUTH_OUTCOMES,
  type AuthAttempt,
  OAUTH_ENDPOINTS,
  OAUTH_OUTCOMES,
  type OAuthAnswer,
  type ServerObserver,
} from '../telemetry/index.js';

/** Counts who was let in and what the authorization server answered. */
export class AuthMetrics implements ServerObserver {
  readonly #attempts: Counter;
  readonly #oauthRequests: Counter;
  #givesTokens = false;

  constructor(registry: Registry) {
    this.#attempts = new Counter({
      name: 'mxcp_auth_attempts_total',
      help: 'Requests to the MCP port whose caller was looked for, by outcome. None while everybody may call.',
      labelNames: ['outcome'],
      registers: [registry],
    });
    this.#oauthRequests = new Counter({
      name: 'mxcp_oauth_requests_total',
      help: 'Requests to the authorization server of this server, by endpoint (authorize, consent, callback, token, revoke, register) and outcome: success, refused, limited, or failed because it could not be answered then. Only where people sign in.',
      labelNames: ['endpoint', 'outcome'],
      registers: [registry],
    });
    // A series that begins with its first increment would hide it from `increase()`.
    for (const outcome of AUTH_OUTCOMES) this.#attempts.inc({ outcome }, 0);
  }

  authenticated({ outcome }: AuthAttempt): void {
    this.#attempts.inc({ outcome });
  }

  oauthAnswered({ endpoint, outcome }: OAuthAnswer): void {
    if (!this.#givesTokens) this.#beginWithZeros();
    this.#oauthRequests.inc({ endpoint, outcome });
  }

  /** Most servers give no tokens and need none of these series. */
  #beginWithZeros(): void {
    this.#givesTokens = true;
    for (const endpoint of OAUTH_ENDPOINTS)
      for (const outcome of OAUTH_OUTCOMES) this.#oauthRequests.inc({ endpoint, outcome }, 0);
  }
}
