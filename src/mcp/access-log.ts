import type { Logger } from '../logging/index.js';

/** What the line of one request says; filled while the request is answered. */
export interface AccessRecord {
  /** Of the protocol, e.g. `tools/call`. */
  method?: string | undefined;
  /** The id that the client gave the request. */
  request?: string | number | undefined;
  /** The called endpoint, if it exists: `tool "sales"`. */
  endpoint?: string | undefined;
  /** `success`, an error code, or what the transport knows of the outcome. */
  outcome?: string | undefined;
  /** Of the path. */
  group?: string | undefined;
  client?: string | undefined;
  /** The stable name of the caller, if callers are authenticated. */
  user?: string | undefined;
  /** Of the trace that the call belongs to. */
  trace_id?: string | undefined;
  /** Of HTTP. */
  status?: number | undefined;
}

const MAX_TEXT_LENGTH = 100;

/** Writes one line for each request that was answered, or whose client left. */
export class AccessLog {
  readonly #logger: Logger;

  constructor(logger: Logger) {
    this.#logger = logger.child({ component: 'access' });
  }

  /** Returns the function that writes the line, with the bytes of the answer. */
  begin(record: AccessRecord, what: string): (bytes: number) => void {
    const startedAt = performance.now();
    return (bytes) => {
      const { method, request, ...known } = record;
      const fields = { ...known, duration_ms: Math.round(performance.now() - startedAt), bytes, request: cut(request) };
      this.#logger.info(fields, method === undefined ? what : `${what} ${cut(method)}`);
    };
  }
}

/** A client may send any text. */
function cut(text: string | number | undefined): string | number | undefined {
  return typeof text === 'string' ? text.slice(0, MAX_TEXT_LENGTH) : text;
}
