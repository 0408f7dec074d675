import { z } from 'zod';
import { MxcpError } from '../../errors/index.js';
import type { Logger } from '../../logging/index.js';
import type { PersonSignIn } from '../../telemetry/index.js';
import {
  type AuthorizationRequest,
  authorizationRequestSchema,
  type AuthorizationRules,
  type IssuerPlace,
  one,
  readAuthorizationRequest,
  RefusedRequest,
  type ReturnAddress,
  returnTo,
} from './authorization-request.js';
import type { BrowserSession } from './browser-session.js';
import { consentPage, errorPage } from './issuer-pages.js';
import type { IdentityProvider, SignInProof } from './identity-provider.js';
import type { IssuerStore } from './issuer-store.js';
import type { OAuthClients } from './oauth-clients.js';
import { type OAuthErrorCode, OAuthRefusal } from './oauth-refusal.js';
import { hashOf, newCode, randomId } from './tokens.js';

/** How long a person may read the question, and how long they may take to sign in. */
const QUESTION_MS = 10 * 60_000;
const STATE_MS = 5 * 60_000;
const CODE_MS = 5 * 60_000;
const MAX_COOKIE_LENGTH = 3_900;

export const CONSENT_PATH = '/consent';

const QUESTION_COOKIE = 'mxcp-consent';
const STATE_COOKIE = 'mxcp-sign-in';
const ID = /^[0-9a-f]{32}$/;

const pendingSchema = z.strictObject({
  request: authorizationRequestSchema,
  verifier: z.string(),
  nonce: z.string(),
  callbackUrl: z.string(),
});

export interface SignInOptions {
  readonly callbackPath: string;
  readonly rules: AuthorizationRules;
  readonly clients: OAuthClients;
  readonly provider: IdentityProvider;
  readonly store: IssuerStore;
  readonly browser: BrowserSession;
  readonly onSignedIn: (signIn: PersonSignIn) => void;
  readonly logger: Logger;
  readonly now: () => number;
}

/** The way of a person: the question whether a client may act for them, the provider, and back to the client with a code. */
export class SignIns {
  readonly #options: SignInOptions;

  constructor(options: SignInOptions) {
    this.#options = options;
  }

  /** `GET /authorize`: shows the question. */
  async authorize(http: Request, place: IssuerPlace, from: string | undefined): Promise<Response> {
    const { clients, rules, provider, browser } = this.#options;
    return this.#answer(place, async () => {
      const query = new URL(http.url).searchParams;
      const { client, request } = await readAuthorizationRequest(query, { clients, from }, rules, place);
      const ticket = randomId();
      const { redirectUri, scopes, resource } = request;
      const page = consentPage({
        client,
        redirectUri,
        scopes,
        resource,
        providerTitle: provider.title,
        action: `${place.issuer}${CONSENT_PATH}`,
        ticket,
        request: browser.seal(request, `question/${ticket}`, QUESTION_MS),
      });
      page.headers.append('set-cookie', browser.cookie(questionCookie(ticket), ticket, QUESTION_MS));
      return page;
    });
  }

  /** `POST /consent`: the answer of the person, which only the page of the same browser can send. */
  async decide(http: Request, place: IssuerPlace): Promise<Response> {
    const { browser, provider, callbackPath } = this.#options;
    return this.#answer(place, async () => {
      const form = new URLSearchParams(await http.text());
      const ticket = form.get('ticket') ?? '';
      const isSameBrowser = ID.test(ticket) && browser.read(http, questionCookie(ticket)) === ticket;
      const sealed = form.get('request') ?? '';
      const request = isSameBrowser
        ? browser.open(sealed, `question/${ticket}`, authorizationRequestSchema)
        : undefined;
      if (request === undefined)
        throw new OAuthRefusal('invalid_request', 'This page is too old, or was opened in another browser.');
      if (form.get('decision') !== 'allow')
        return refuse(place, 'access_denied', 'the person did not allow it', request);
      const state = randomId();
      const callbackUrl = `${place.issuer}${callbackPath}`;
      const proof = { verifier: `${randomId()}${randomId()}`, nonce: randomId(), callbackUrl };
      const sealedState = browser.seal({ request, ...proof }, `state/${state}`, STATE_MS);
      const cookie = browser.cookie(stateCookie(state), sealedState, STATE_MS);
      if (cookie.length > MAX_COOKIE_LENGTH)
        return refuse(place, 'invalid_request', 'the request is too long', request);
      const url = await this.#orReturn(place, request, () => provider.authorizeUrl({ ...proof, state }));
      return url instanceof Response ? url : redirect(url.href, cookie);
    });
  }

  /** `GET` of the callback path: the provider sends the person back. */
  async callback(http: Request, place: IssuerPlace, from: string | undefined): Promise<Response> {
    const { browser, store, now } = this.#options;
    const query = new URL(http.url).searchParams;
    return this.#answer(place, async () => {
      const state = one(query, 'state') ?? '';
      const sealed = ID.test(state) ? browser.read(http, stateCookie(state)) : undefined;
      const pending = browser.open(sealed ?? '', `state/${state}`, pendingSchema);
      if (pending === undefined || !(await store.useState(state, now() + STATE_MS)))
        throw new OAuthRefusal(
          'invalid_request',
          'This sign-in is too old, was used already, or began in another browser.',
        );
      const { request, ...proof } = pending;
      const answer = await this.#orReturn(place, request, () =>
        this.#finish(query, request, { place, from, proof: { ...proof, state } }),
      );
      answer.headers.append('set-cookie', browser.cookie(stateCookie(state), '', 0));
      return answer;
    });
  }

  async #finish(
    query: URLSearchParams,
    request: AuthorizationRequest,
    {
      place,
      from,
      proof,
    }: { readonly place: IssuerPlace; readonly from: string | undefined; readonly proof: SignInProof },
  ): Promise<Response> {
    const { provider, store, clients, logger, now } = this.#options;
    const code = one(query, 'code');
    if (code === undefined)
      return refuse(place, 'access_denied', 'the identity provider did not sign the person in', request);
    const { user, external } = await provider.redeem(code, one(query, 'iss') ?? null, proof);
    const { state: _, ...consent } = request;
    const own = newCode();
    const expiresAt = now() + CODE_MS;
    // The client may have been removed while the person signed in.
    await clients.find(request.clientId, from);
    await store.saveCode(hashOf(own), { ...consent, user, external, expiresAt, grantId: null });
    await store.touchClient(request.clientId);
    const { clientId } = request;
    const { userId, username } = user;
    logger.info({ client: clientId, user: userId }, 'a person signed in');
    this.#options.onSignedIn({ userId, username, clientId, client: from });
    return redirect(returnTo(request, place.issuer, { code: own }));
  }

  /** Turns the failure of the provider into an answer to the client. */
  async #orReturn<T>(place: IssuerPlace, request: AuthorizationRequest, work: () => Promise<T>): Promise<T | Response> {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof MxcpError)) throw error;
      this.#options.logger.warn({ err: error, client: request.clientId }, 'a person could not be signed in');
      const isRefused = error.code === 'unauthenticated';
      return refuse(place, isRefused ? 'access_denied' : 'temporarily_unavailable', error.message, request);
    }
  }

  /** What the client cannot be given, the person sees. */
  async #answer(place: IssuerPlace, work: () => Promise<Response>): Promise<Response> {
    try {
      return await work();
    } catch (error) {
      if (error instanceof RefusedRequest) return refuseUnasked(place, error);
      if (error instanceof OAuthRefusal) return errorPage(error.status === 401 ? 400 : error.status, error.message);
      throw error;
    }
  }
}

/** One for each question, because two applications may ask at the same time. */
function questionCookie(ticket: string): string {
  return `${QUESTION_COOKIE}-${ticket}`;
}

function stateCookie(state: string): string {
  return `${STATE_COOKIE}-${state}`;
}

/** Before the person was asked: a client that the operator has not listed is only offered. */
function refuseUnasked(place: IssuerPlace, { refusal, message, address, isTrusted }: RefusedRequest): Response {
  if (isTrusted) return refuse(place, refusal.code, message, address);
  return errorPage(400, message, { href: refusalUrl(place, refusal.code, message, address), to: address.redirectUri });
}

function refuse(place: IssuerPlace, error: OAuthErrorCode, description: string, address: ReturnAddress): Response {
  return redirect(refusalUrl(place, error, description, address));
}

function refusalUrl(
  { issuer }: IssuerPlace,
  error: OAuthErrorCode,
  description: string,
  address: ReturnAddress,
): string {
  return returnTo(address, issuer, { error, error_description: toAscii(description) });
}

function redirect(location: string, cookie?: string): Response {
  const headers = new Headers({ location, 'cache-control': 'no-store', 'referrer-policy': 'no-referrer' });
  if (cookie !== undefined) headers.append('set-cookie', cookie);
  return new Response(null, { status: 303, headers });
}

/** The characters that RFC 6749 allows in a description. */
function toAscii(text: string): string {
  return text.replaceAll(/[^\x20-\x21\x23-\x5b\x5d-\x7e]/g, "'").slice(0, 500);
}
