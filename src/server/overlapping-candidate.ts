import { checkEndpoints } from '../endpoints/index.js';
import type { Generation } from '../lifecycle/index.js';
import type { Candidate, ReloadContext } from '../reload/index.js';
import { endpointMisfit } from './endpoint-misfit.js';
import { runInitHooks, type GenerationBuilder, type Serving } from './project/index.js';

export interface OverlappingCandidateParts {
  readonly generation: Generation<Serving>;
  readonly builder: GenerationBuilder;
  readonly context: ReloadContext;
  readonly onWarning: (message: string) => void;
}

/** A generation that is complete beside the one that serves, and shares its database or has one of its own. */
export class OverlappingCandidate implements Candidate<Serving> {
  readonly needsHandover = false;
  readonly #parts: OverlappingCandidateParts;

  constructor(parts: OverlappingCandidateParts) {
    this.#parts = parts;
  }

  check(): Promise<void> {
    const { contents } = this.#parts.generation;
    const { dryRun, definitions, signal } = this.#parts.context;
    return this.#parts.builder.scrubbingErrors(async () => {
      await contents.database.ping();
      const failures = await checkEndpoints(contents.endpoints.catalog, contents);
      const isReplaced = contents.database.action === 'opened';
      if (failures.length > 0) throw endpointMisfit(contents, failures, { definitions, isReplaced });
      // Last, because hooks may do anything: what would be refused has been refused by now.
      if (!dryRun) await runInitHooks(contents.python, signal);
    });
  }

  /** Nobody has to wait for it. */
  shortenHandover(): Promise<void> {
    return Promise.resolve();
  }

  async commit(): Promise<Generation<Serving>> {
    const { database } = this.#parts.generation.contents;
    await this.#parts.builder.scrubbingErrors(() => database.commit());
    // After a handover that failed, an earlier file may still be kept. Never throws: what is committed is served.
    if (database.action === 'opened')
      for (const warning of await database.settle()) this.#parts.onWarning(warning);
    return this.#parts.generation;
  }

  dispose(): Promise<void> {
    return this.#parts.generation.dispose();
  }
}
