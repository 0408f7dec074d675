import { version } from '../../version/index.js';
import type {
  AnswerOf,
  Config,
  EndpointList,
  Health,
  OpenApiDocument,
  ProbeFailed,
  ProbeOk,
  QueryOf,
  ReloadAccepted,
  ReloadList,
  ReloadRecord,
  RouteName,
  Status,
  SuccessOf,
} from '../contract/index.js';
import { MAX_WAIT_MS } from '../contract/wait-limit.js';
import { AdminApiError } from './admin-api-error.js';
import { sendRequest } from './socket-request.js';

const DEFAULT_TIMEOUT_MS = 10_000;

export interface AdminClientOptions {
  readonly socketPath: string;
  /** How long an answer may take, beside the time that a reload is waited for. Ten seconds unless given. */
  readonly timeoutMs?: number;
  /** What the record of a reload names as its trigger. */
  readonly trigger?: 'api' | 'cli';
}

export interface ReloadOptions {
  /** Wait for the end of the reload; it goes on when the time runs out. */
  readonly waitMs?: number;
  /** Build and check a candidate, then throw it away. Waits as long as it takes unless `waitMs` is given. */
  readonly dryRun?: boolean;
  /** Read endpoint definitions again too; the server's setting unless given. */
  readonly definitions?: boolean;
  /** Interrupt calls that stand in the way instead of waiting for them; not for a dry run. */
  readonly force?: boolean;
}

export type WaitingReloadOptions = ReloadOptions & ({ readonly waitMs: number } | { readonly dryRun: true });

type GetRoute = Exclude<RouteName, 'postReload'>;

/**
 * The admin API of one running server, over its Unix socket. Every method makes one connection, throws
 * `connection_failed` with what to do when the server cannot be reached, `wait_timeout` when it does not answer in time,
 * and `AdminApiError` when it refuses.
 */
export class AdminClient {
  readonly #options: AdminClientOptions;

  constructor(options: AdminClientOptions) {
    this.#options = options;
  }

  health(): Promise<Health> {
    return this.#get<'getHealth'>('/health');
  }

  live(): Promise<Health> {
    return this.#get<'getLivez'>('/livez');
  }

  /** Not being ready is an answer, not an error. */
  ready(): Promise<ProbeOk | ProbeFailed> {
    return this.#probe('/readyz');
  }

  /** Not having started is an answer, not an error. */
  startup(): Promise<ProbeOk | ProbeFailed> {
    return this.#probe('/startupz');
  }

  status(): Promise<Status> {
    return this.#get<'getStatus'>('/status');
  }

  config(): Promise<Config> {
    return this.#get<'getConfig'>('/config');
  }

  endpoints(): Promise<EndpointList> {
    return this.#get<'listEndpoints'>('/endpoints');
  }

  /**
   * Reloads the server. With `waitMs` or `dryRun` resolves with the record of the reload once it has succeeded, and
   * throws `AdminApiError` with the record when it failed; otherwise resolves as soon as it is queued.
   */
  reload(options: WaitingReloadOptions): Promise<ReloadRecord>;
  reload(options?: ReloadOptions): Promise<ReloadAccepted | ReloadRecord>;
  async reload(options: ReloadOptions = {}): Promise<ReloadAccepted | ReloadRecord> {
    const { waitMs, dryRun, definitions, force } = options;
    const query: Partial<Record<keyof QueryOf<'postReload'>, string>> = {
      ...(waitMs === undefined ? {} : { wait: `${Math.round(waitMs)}ms` }),
      ...(dryRun === undefined ? {} : { dry_run: String(dryRun) }),
      ...(definitions === undefined ? {} : { definitions: String(definitions) }),
      ...(force === undefined ? {} : { force: String(force) }),
    };
    const extraMs = waitMs ?? (dryRun === true ? MAX_WAIT_MS : 0);
    const answer = await this.#send('POST', withQuery('/reload', query), extraMs);
    // The server answers with what the contract lists for these options.
    return answer.body as ReloadAccepted | ReloadRecord;
  }

  /** Newest first. */
  reloads(options: { readonly limit?: number } = {}): Promise<ReloadList> {
    const { limit } = options;
    return this.#get<'listReloads'>(
      withQuery('/reloads', limit === undefined ? {} : { limit: String(limit) }),
    );
  }

  reloadRecord(id: string): Promise<ReloadRecord> {
    return this.#get<'getReload'>(`/reloads/${encodeURIComponent(id)}`);
  }

  openapi(): Promise<OpenApiDocument> {
    return this.#get<'getOpenApi'>('/openapi.json');
  }

  async #get<Name extends GetRoute>(target: string): Promise<AnswerOf<Name, SuccessOf<Name>>> {
    const answer = await this.#send('GET', target);
    // Not checked again: the contract tests hold the server to it, and the client stays free of the schema library.
    return answer.body as AnswerOf<Name, SuccessOf<Name>>;
  }

  async #probe(target: '/readyz' | '/startupz'): Promise<ProbeOk | ProbeFailed> {
    try {
      // As in #get.
      return (await this.#send('GET', target)).body as ProbeOk;
    } catch (error) {
      if (error instanceof AdminApiError && isProbeFailed(error.body)) return error.body;
      throw error;
    }
  }

  async #send(
    method: 'GET' | 'POST',
    target: string,
    extraMs = 0,
  ): Promise<{ readonly status: number; readonly body: unknown }> {
    const { socketPath, timeoutMs = DEFAULT_TIMEOUT_MS, trigger = 'api' } = this.#options;
    const answer = await sendRequest({
      socketPath,
      method,
      target,
      userAgent: `mxcp-${trigger === 'cli' ? 'cli' : 'client'}/${version}`,
      timeoutMs: timeoutMs + extraMs,
    });
    if (answer.status < 200 || answer.status > 299) throw new AdminApiError(answer);
    return answer;
  }
}

function withQuery(path: string, query: Readonly<Record<string, string>>): string {
  const search = new URLSearchParams(query).toString();
  return search === '' ? path : `${path}?${search}`;
}

function isProbeFailed(body: unknown): body is ProbeFailed {
  return typeof body === 'object' && body !== null && 'checks' in body && Array.isArray(body.checks);
}
