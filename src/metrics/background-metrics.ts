import { Counter, type Registry } from 'prom-client';
import type { LoggedLine, ServerObserver } from '../telemetry/index.js';

/** Counts what a server does by itself, beside calls and reloads. */
export class BackgroundMetrics implements ServerObserver {
  readonly #replaced: Counter;
  readonly #refreshes: Counter;
  readonly #lines: Counter;
  readonly #leftOut: Counter;
  readonly #audited: Counter;

  constructor(registry: Registry) {
    this.#replaced = new Counter({
      name: 'mxcp_python_workers_replaced_total',
      help: 'Python processes that ended and were replaced.',
      registers: [registry],
    });
    this.#refreshes = new Counter({
      name: 'mxcp_secret_refreshes_total',
      help: 'How often the server resolved the references again by itself, by outcome: success or error.',
      labelNames: ['outcome'],
      registers: [registry],
    });
    this.#lines = new Counter({
      name: 'mxcp_log_lines_total',
      help: 'Lines of the log, by level.',
      labelNames: ['level'],
      registers: [registry],
    });
    this.#leftOut = new Counter({
      name: 'mxcp_log_lines_left_out_total',
      help: 'Lines that were not logged, because there were many like them in the same minute.',
      registers: [registry],
    });
    this.#audited = new Counter({
      name: 'mxcp_audit_records_total',
      help: 'Records of the audit log, by outcome: written, or lost because nothing could be written for too long.',
      labelNames: ['outcome'],
      registers: [registry],
    });
    // A series that begins with its first increment would hide it from `increase()`.
    for (const outcome of ['success', 'error']) this.#refreshes.inc({ outcome }, 0);
    for (const outcome of ['written', 'lost']) this.#audited.inc({ outcome }, 0);
    for (const level of ['info', 'warn', 'error']) this.#lines.inc({ level }, 0);
  }

  workerReplaced(): void {
    this.#replaced.inc();
  }

  refreshEnded(reason: string | undefined): void {
    this.#refreshes.inc({ outcome: reason === undefined ? 'success' : 'error' });
  }

  lineLogged({ level }: LoggedLine): void {
    this.#lines.inc({ level });
  }

  recordsAudited(outcome: 'written' | 'lost', count: number): void {
    this.#audited.inc({ outcome }, count);
  }

  lineLeftOut(): void {
    this.#leftOut.inc();
  }
}
