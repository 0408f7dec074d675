import type { EventPort } from '../admin/index.js';
import { EventJournal, EventObserver } from '../telemetry/index.js';
import type { ServerContext } from './server-context.js';

/** How often readiness is looked at while a client reads events. Probes look too. */
const READINESS_CHECK_MS = 2_000;

/** How long events are remembered for a reader that comes back, when there is no other. */
const KEPT_FOR_MS = 10 * 60_000;

type EventContext = Pick<ServerContext, 'observers' | 'scrubber' | 'readiness'>;

/**
 * The events of `GET /events`. Nothing is observed before the first reader comes, and again when none has come for ten minutes, so that
 * events cost nothing where no client reads them.
 */
export class LiveEvents implements EventPort {
  readonly #context: EventContext;
  readonly #journal: EventJournal;
  #stopObserving: (() => void) | undefined;
  #checks: NodeJS.Timeout | undefined;
  #idle: NodeJS.Timeout | undefined;

  constructor(context: EventContext) {
    this.#context = context;
    this.#journal = new EventJournal((text) => context.scrubber.scrub(text));
  }

  select(selection: Parameters<EventPort['select']>[0]): ReturnType<EventPort['select']> {
    const begin = this.#journal.select(selection);
    return (deliver) => {
      this.#stopObserving ??= this.#observe();
      const stop = begin(deliver);
      this.#addReader();
      return () => {
        stop();
        this.#removeReader();
      };
    };
  }

  #observe(): () => void {
    const { observers } = this.#context;
    const remove = [
      observers.add(new EventObserver(this.#journal)),
      observers.add({ phaseChanged: () => this.#checkReadiness(), drainChanged: () => this.#checkReadiness() }),
    ];
    return () => {
      for (const each of remove) each();
      this.#journal.forget();
    };
  }

  #addReader(): void {
    clearTimeout(this.#idle);
    this.#checks ??= setInterval(() => this.#checkReadiness(), READINESS_CHECK_MS).unref();
    this.#checkReadiness();
  }

  #removeReader(): void {
    if (this.#journal.readers > 0) return;
    clearInterval(this.#checks);
    this.#checks = undefined;
    this.#idle = setTimeout(() => {
      this.#stopObserving?.();
      this.#stopObserving = undefined;
    }, KEPT_FOR_MS).unref();
  }

  /** The result reaches the journal through the observers. A check that fails is a result too, so this never rejects. */
  #checkReadiness(): void {
    if (this.#journal.readers > 0) void this.#context.readiness.ready();
  }
}
