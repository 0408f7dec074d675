import { checkEndpoints } from '../endpoints/index.js';
import { messageOf, MxcpError, toMxcpError } from '../errors/index.js';
import { deadlineIn, type Generation } from '../lifecycle/index.js';
import type { Candidate, ReloadContext } from '../reload/index.js';
import type { DatabaseHandover } from '../runtime/index.js';
import { endpointMisfit } from './endpoint-misfit.js';
import { runInitHooks, type GenerationBuilder, type Serving } from './project/index.js';
import type { StandIn } from './stand-in.js';

export interface HandoverCandidateParts {
  /** Complete but for its database, which is not open, and what depends on it. */
  readonly generation: Generation<Serving>;
  readonly handover: DatabaseHandover;
  /** What endpoints are checked on before anybody waits. */
  readonly standIn: StandIn;
  readonly builder: GenerationBuilder;
  readonly context: ReloadContext;
  /** How long the payload of the reload may take. */
  readonly payloadTimeoutMs: number;
  /** The old generation serves again, with a database that was opened anew. */
  readonly onReopened: () => void;
}

/** A generation whose database can only be opened when that of the old one is closed. */
export class HandoverCandidate implements Candidate<Serving> {
  readonly needsHandover = true;
  readonly #parts: HandoverCandidateParts;

  constructor(parts: HandoverCandidateParts) {
    this.#parts = parts;
  }

  get #contents(): Serving {
    return this.#parts.generation.contents;
  }

  check(): Promise<void> {
    const { builder, handover, standIn } = this.#parts;
    return builder.scrubbingErrors(async () => {
      await handover.assertPossible();
      await standIn.open();
      await this.#checkEndpoints(standIn);
      this.#contents.database.knowPlainSelects(standIn.plainSelects);
      // The file must not be open anywhere when its turn comes.
      await standIn.dispose();
    });
  }

  shortenHandover(): Promise<void> {
    return this.#parts.handover.shorten();
  }

  async commit(): Promise<Generation<Serving>> {
    const { builder, generation, handover } = this.#parts;
    try {
      await builder.scrubbingErrors(() => this.#exchange());
    } catch (error) {
      await this.#goBack(error);
      throw this.#tellingWhatServes(toMxcpError(error));
    }
    await handover.finish();
    return generation;
  }

  async dispose(): Promise<void> {
    await this.#parts.standIn.dispose();
    await this.#parts.generation.dispose();
  }

  /** Rows that are written from now on would be looked for at the path. */
  #tellingWhatServes(error: MxcpError): MxcpError {
    const { servedAs } = this.#parts.handover;
    if (servedAs === undefined) return error;
    const { code, message, problems, detail } = error;
    const told = `${message}\nWhat served before serves on as ${servedAs}; rows written from now on go there until a reload succeeds`;
    return new MxcpError(code, told, { cause: error, problems, ...(detail !== undefined && { detail }) });
  }

  /** All that happens while nobody can call. */
  async #exchange(): Promise<void> {
    const { context, handover, standIn } = this.#parts;
    const { database, python } = this.#contents;
    await handover.close();
    if (context.payload !== undefined) await this.#runPayload(context.payload);
    await handover.open(context.payload === undefined ? standIn.file : undefined);
    await database.commit();
    await database.ping();
    // A payload may have done anything to the file since it was looked at.
    if (context.payload !== undefined) await this.#checkEndpoints(database);
    await runInitHooks(python, context.signal);
  }

  async #runPayload(payload: NonNullable<ReloadContext['payload']>): Promise<void> {
    const { context, payloadTimeoutMs } = this.#parts;
    const late = deadlineIn(payloadTimeoutMs, context.signal);
    try {
      await payload.run(late);
    } catch (error) {
      if (!late.aborted || context.signal.aborted) throw error;
      throw new MxcpError(
        'payload_timeout',
        `the payload of the reload took longer than ${payloadTimeoutMs / 1000} s and was ended; raise --reload-drain-timeout if it needs more`,
        { cause: error },
      );
    } finally {
      late.dispose();
    }
  }

  async #goBack(failure: unknown): Promise<void> {
    const { handover, onReopened } = this.#parts;
    try {
      await handover.goBack();
      onReopened();
    } catch (error) {
      throw new MxcpError('database_failed', `${messageOf(failure)}. Besides, ${messageOf(error)}`, {
        cause: failure,
      });
    }
  }

  async #checkEndpoints(database: Parameters<typeof checkEndpoints>[1]['database']): Promise<void> {
    const contents = this.#contents;
    const { python, endpoints } = contents;
    const failures = await checkEndpoints(endpoints.catalog, { database, python });
    if (failures.length === 0) return;
    const { context, standIn, handover } = this.#parts;
    // A payload may have replaced the file after all.
    const isReplaced = standIn.isReplaced || handover.isReplaced;
    throw endpointMisfit(contents, failures, { definitions: context.definitions, isReplaced });
  }
}
