import { z } from 'zod';
import { messageOf, MxcpError } from '../../errors/index.js';
import { readAnswer, type ServerAnswer } from '../../http/index.js';

const TIMEOUT_MS = 10_000;
const MAX_ANSWER_BYTES = 1024 * 1024;

export function unavailable(title: string, why: string, cause?: unknown): MxcpError {
  const message = `the identity provider ${title} ${why}; try again later`;
  return new MxcpError('identity_provider_unavailable', message, { cause, retryAfterSeconds: 10 });
}

/** The provider answered, and it is final: the person must sign in again. */
export function refusedByProvider(title: string, why: string): MxcpError {
  return new MxcpError('unauthenticated', `the identity provider ${title} ${why}; sign in again`);
}

/** Asks a provider once. Throws `identity_provider_unavailable` unless the answer is one of the provider itself. */
export async function askProvider(title: string, url: string, init: RequestInit = {}): Promise<ServerAnswer> {
  let answer: ServerAnswer;
  try {
    // A connection that was kept may have been closed in between, and a code or a rotating token cannot be sent twice.
    const headers = { accept: 'application/json', connection: 'close', 'user-agent': 'mxcp', ...init.headers };
    // A redirect would take the secret elsewhere.
    const response = await fetch(url, {
      ...init,
      headers,
      redirect: 'manual',
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    answer = await readAnswer(response, MAX_ANSWER_BYTES, tooLong);
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    throw unavailable(title, `does not answer at ${new URL(url).host}: ${messageOf(cause)}`, error);
  }
  const { status } = answer;
  if (status >= 500 || status === 429 || status === 408 || (status >= 300 && status < 400))
    throw unavailable(title, `answered ${new URL(url).pathname} with status ${status}`);
  return answer;
}

function tooLong(): Error {
  return new Error(`it sent more than ${MAX_ANSWER_BYTES} bytes`);
}

const tokensSchema = z.object({
  access_token: z.string().min(1),
  token_type: z.string().default('bearer'),
  // Some providers send it as a text.
  expires_in: z.coerce.number().positive().optional().catch(undefined),
  refresh_token: z.string().min(1).optional(),
  id_token: z.string().optional(),
});
export type ProviderTokens = z.output<typeof tokensSchema>;

const errorSchema = z.object({ error: z.string() });

/** What the provider calls a code or refresh token that it does not take any more. GitHub has names of its own, with status 200. */
const FINAL_ERRORS = new Set(['invalid_grant', 'bad_verification_code', 'bad_refresh_token']);

interface ClientRequest {
  readonly title: string;
  readonly url: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly secretIn: 'body' | 'header';
}

export interface TokenRequest extends ClientRequest {
  readonly parameters: Readonly<Record<string, string>>;
}

/** Throws `unauthenticated` if the provider does not accept the code or refresh token, `identity_provider_unavailable` for all else. */
export async function requestTokens(request: TokenRequest): Promise<ProviderTokens> {
  const { title } = request;
  const { status, json } = await askAsClient(request, request.parameters);
  const code = errorSchema.safeParse(json).data?.error;
  if (code !== undefined && FINAL_ERRORS.has(code)) throw refusedByProvider(title, 'no longer accepts the sign-in');
  // Anything else, such as a wrong client secret, is not the fault of the person.
  if (code !== undefined) throw unavailable(title, `refused the request of this server with \`${code.slice(0, 100)}\``);
  const tokens = tokensSchema.safeParse(json).data;
  if (status !== 200 || tokens === undefined || tokens.token_type.toLowerCase() !== 'bearer')
    throw unavailable(title, `answered the request for tokens with status ${status} and without a bearer token`);
  return tokens;
}

/** The token of a sign-in that has ended here: with the refresh token, if there is one, everything that came of it. */
export async function revokeToken(
  request: ClientRequest & { readonly by: 'oauth' | 'github' },
  { accessToken, refreshToken }: { readonly accessToken: string; readonly refreshToken: string | null },
): Promise<void> {
  const { title, url, by } = request;
  const kind = refreshToken === null ? 'access_token' : 'refresh_token';
  const { status, json } =
    by === 'oauth'
      ? await askAsClient(request, { token: refreshToken ?? accessToken, token_type_hint: kind })
      : await askProvider(title, url, {
          method: 'DELETE',
          body: JSON.stringify({ access_token: accessToken }),
          headers: { authorization: basicOf(request), 'content-type': 'application/json' },
        });
  // What GitHub and Google say of a token that has ended already.
  const hadEnded = by === 'github' ? status === 404 : errorSchema.safeParse(json).data?.error === 'invalid_token';
  if (status !== 200 && status !== 204 && !hadEnded)
    throw unavailable(title, `answered the revocation with status ${status}`);
}

/** A form with the credentials of this server. */
function askAsClient(request: ClientRequest, parameters: Readonly<Record<string, string>>): Promise<ServerAnswer> {
  const { title, url, clientId, clientSecret, secretIn } = request;
  const isInBody = secretIn === 'body';
  const body = new URLSearchParams({
    ...parameters,
    ...(isInBody && { client_id: clientId, client_secret: clientSecret }),
  });
  return askProvider(title, url, {
    method: 'POST',
    body,
    headers: isInBody ? {} : { authorization: basicOf(request) },
  });
}

function basicOf({ clientId, clientSecret }: ClientRequest): string {
  const credentials = [clientId, clientSecret].map(encodeURIComponent).join(':');
  return `Basic ${Buffer.from(credentials).toString('base64')}`;
}
