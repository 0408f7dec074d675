import {
  AuditLog,
  AuditQueries,
  type AuditState,
  findExpired,
  IndexBuilder,
  NO_FACTS,
  removeSegments,
} from '../audit/index.js';
import type { AdminAction, AuditPort } from '../admin/index.js';
import type { ResolvedConfig } from '../config/index.js';
import {
  type AuditFacts,
  type BackgroundReport,
  type Check,
  fromAuditLine,
  type RunRecord,
  toReloadValues,
} from '../contract/index.js';
import { CallAudit } from '../endpoints/index.js';
import { messageOf, plural } from '../errors/index.js';
import type { Disposable } from '../lifecycle/index.js';
import type { Logger } from '../logging/index.js';
import type { PersonSignIn, ReloadChange, ServerObserver } from '../telemetry/index.js';
import { AuditRefusals } from './audit-refusals.js';
import type { ServerContext } from './server-context.js';

const TIDYING_MS = 60 * 60_000;
/** Calls of earlier ones have ended long ago. */
const REMEMBERED_GENERATIONS = 100;

/** The audit log of a server, with the records that do not come from calls. The disposer of the context owns it. */
export class ServerAudit implements Disposable, ServerObserver, AuditPort {
  readonly calls: CallAudit;
  readonly refusals: AuditRefusals;
  readonly #logger: Logger;
  readonly #log: AuditLog;
  readonly #continues: boolean;
  readonly #queries: AuditQueries;
  readonly #indexes: IndexBuilder;
  readonly #retentionDays: number | undefined;
  /** By the number of the generation. */
  readonly #fingerprints = new Map<number, string>();
  #current: () => { readonly number: number; readonly fingerprint: string } | undefined = () => undefined;
  /** By the number of the generation. */
  readonly #reloadIds = new Map<number, string>();
  #running: RunRecord | undefined;
  #timer: NodeJS.Timeout | undefined;
  #cleaning: Promise<void> | undefined;

  constructor(
    { logger, scrubber, observers }: ServerContext,
    { log: settings, redacts, maxValueBytes }: ResolvedConfig['audit'],
  ) {
    this.#logger = logger.child({ component: 'audit' });
    this.#log = new AuditLog({
      settings,
      logger: this.#logger,
      scrub: (text) => scrubber.scrub(text),
      onSegmentEnded: () => this.#indexes.request(),
      onRecords: (outcome, count) => observers.recordsAudited(outcome, count),
    });
    this.#continues = settings.onFailure === 'continue';
    this.#queries = new AuditQueries(settings.path);
    this.#indexes = new IndexBuilder({ basePath: settings.path, logger: this.#logger });
    this.#retentionDays = settings.retentionDays;
    this.refusals = new AuditRefusals(this.#log);
    const identify = ({ number }: { readonly number: number }) => this.#identify(number);
    this.calls = new CallAudit({ log: this.#log, redacts, maxValueBytes, identify });
  }

  /** Throws `audit_failed`. */
  open(): Promise<void> {
    return this.#log.open();
  }

  /** Says from now on which generation is current. */
  follow(current: () => { readonly number: number; readonly fingerprint: string }): void {
    this.#current = current;
    this.#noteCurrent();
  }

  get state(): AuditState {
    return this.#log.state;
  }

  /** For readiness: undefined where calls continue without records. */
  check(): Check | undefined {
    const { failure, path } = this.state;
    if (this.#continues) return undefined;
    if (failure === undefined) return { name: 'audit', status: 'ok', message: `records are written beside ${path}` };
    return { name: 'audit', status: 'fail', message: `the audit log cannot be written: ${failure}` };
  }

  reports(): readonly BackgroundReport[] {
    const { failure, failingSince, lost, path } = this.state;
    const missing = lost === 0 ? '' : `; ${plural(lost, 'record')} lost since the start`;
    if (failure === undefined)
      return [{ name: 'audit', status: 'ok', message: `records are written beside ${path}${missing}` }];
    const message = `the audit log cannot be written since ${failingSince?.toISOString()}: ${failure}${missing}`;
    return [{ name: 'audit', status: 'failing', message }];
  }

  /** Begins a new segment, for programs that have moved the current one, and tidies up. */
  reopen(): void {
    this.#log.reopen();
    this.#tidy();
  }

  readonly records: AuditPort['records'] = async (filter, page, signal) => {
    const found = await this.#queries.records(filter, page, signal);
    return found.map(fromAuditLine);
  };

  readonly stats: AuditPort['stats'] = (filter, signal) => this.#queries.stats(filter, signal);

  /** Resolves when the record is written or cannot be: operators must be able to act on a server whose audit log fails. */
  readonly actionEnded: AuditPort['actionEnded'] = async ({ name, input, error, durationMs }: AdminAction) => {
    const facts: AuditFacts = {
      ...NO_FACTS,
      schemaName: 'mxcp.admin',
      schemaVersion: 1,
      operationType: 'admin',
      operationName: name,
      operationStatus: error === undefined ? 'success' : 'error',
      durationMs: Math.round(durationMs),
      callerType: 'admin',
      error: error?.message ?? null,
      errorCode: error?.code ?? null,
    };
    // The log has reported the failure, and the next record that can be written counts this one as missing.
    await this.#log.append(facts, { input: JSON.stringify(input), output: 'null' }).catch(() => undefined);
  };

  readonly actionRefused: AuditPort['actionRefused'] = (request, { code, message }) => {
    this.refusals.requestRefused({ surface: 'admin', request, code, reason: message });
  };

  /** As for refusals, the answer does not wait for it. */
  signedIn({ userId, username, clientId, client }: PersonSignIn): void {
    const facts: AuditFacts = {
      ...NO_FACTS,
      schemaName: 'mxcp.auth',
      schemaVersion: 1,
      operationType: 'auth',
      operationName: 'sign_in',
      operationStatus: 'success',
      callerType: 'http',
      userId,
      username,
      client: client ?? null,
    };
    const input = JSON.stringify({ ['client_id']: clientId });
    void this.#log.append(facts, { input, output: 'null' }).catch(() => undefined);
  }

  reloadChanged(record: RunRecord, change: ReloadChange): void {
    const { id, generation, dryRun } = record;
    this.#noteCurrent();
    if (change === 'ended') {
      this.#running = undefined;
      void this.#recordReload(record);
    } else if (change !== 'queued' && !dryRun) this.#running = record;
    if (generation.to !== null && !dryRun) remember(this.#reloadIds, generation.to, id);
  }

  /** Removes segments whose records are all older than the configuration says, and writes missing indexes, now and every hour. */
  keepTidy(): void {
    this.#tidy();
    this.#timer = setInterval(() => this.#tidy(), TIDYING_MS).unref();
  }

  #tidy(): void {
    this.#indexes.request();
    const days = this.#retentionDays;
    if (days !== undefined) this.#cleaning ??= this.#removeExpired(days).finally(() => (this.#cleaning = undefined));
  }

  async dispose(): Promise<void> {
    clearInterval(this.#timer);
    await this.#cleaning;
    await this.#indexes.dispose();
    await this.#queries.dispose();
    await this.#log.dispose();
  }

  abandon(): void {
    this.#indexes.abandon();
    this.#queries.abandon();
  }

  async #removeExpired(days: number): Promise<void> {
    const { path } = this.state;
    try {
      const expired = await findExpired(path, days);
      await removeSegments(expired);
      if (expired.length > 0) this.#logger.info({ path, files: expired.length }, 'old files of the audit log removed');
    } catch (error) {
      this.#logger.warn({ path, reason: messageOf(error) }, 'old files of the audit log could not be removed');
    }
  }

  #noteCurrent(): void {
    const current = this.#current();
    if (current !== undefined) remember(this.#fingerprints, current.number, current.fingerprint);
  }

  #identify(generation: number): Pick<AuditFacts, 'reloadId' | 'configFingerprint'> {
    // Calls may begin on a generation a moment before the run of its reload says its number.
    const isNew = this.#running !== undefined && generation > this.#running.generation.from;
    const reloadId = this.#reloadIds.get(generation) ?? (isNew ? this.#running?.id : undefined) ?? null;
    return { reloadId, configFingerprint: this.#fingerprintOf(generation) };
  }

  #fingerprintOf(generation: number): string | null {
    if (!this.#fingerprints.has(generation)) this.#noteCurrent();
    return this.#fingerprints.get(generation) ?? null;
  }

  async #recordReload({ id, trigger, dryRun, definitions, status, durationMs, generation, error, ...rest }: RunRecord) {
    const facts: AuditFacts = {
      ...NO_FACTS,
      schemaName: 'mxcp.reloads',
      schemaVersion: 1,
      operationType: 'reload',
      operationName: trigger,
      operationStatus: status === 'success' ? 'success' : 'error',
      durationMs,
      callerType: 'server',
      error: error?.message ?? null,
      errorCode: error?.code ?? null,
      reloadId: id,
      generation: generation.to ?? generation.from,
      configFingerprint: this.#fingerprintOf(generation.to ?? generation.from),
    };
    const values = toReloadValues({
      dryRun,
      definitions,
      generation,
      sharedWith: rest.sharedWith,
      restartRequired: rest.restartRequired.map(({ setting }) => setting),
      definitionsChanged: rest.definitionsChanged.length,
    });
    // As for actions of operators.
    await this.#log.append(facts, values).catch(() => undefined);
  }
}

function remember(texts: Map<number, string>, generation: number, text: string): void {
  texts.set(generation, text);
  const [oldest] = texts.keys();
  if (texts.size > REMEMBERED_GENERATIONS && oldest !== undefined) texts.delete(oldest);
}

/** Undefined for a project without an audit log. Throws `audit_failed`. The disposer of the context ends it. */
export async function openAudit(context: ServerContext, { audit }: ResolvedConfig): Promise<ServerAudit | undefined> {
  if (!audit.enabled) return undefined;
  const opened = context.disposer.own(new ServerAudit(context, audit));
  await opened.open();
  context.disposer.defer(context.observers.add(opened));
  context.disposer.defer(context.observers.add(opened.refusals));
  opened.keepTidy();
  return opened;
}
