import { setTimeout as delay } from 'node:timers/promises';
import { AdminApiError, type AdminClient } from '../../../admin/client/index.js';
import type { StreamedEvent } from '../../../contract/index.js';
import { messageOf, MxcpError, toOneLine, visible, visibleLines } from '../../../errors/index.js';
import { Backoff } from '../../../lifecycle/index.js';
import type { CommandModule, Options } from '../../command/command.js';
import type { Output } from '../../terminal/output.js';
import { connect, formatMs, readCount, refusalDetails } from './admin-command.js';

const RETRIES = { firstMs: 200, longestMs: 5_000 } as const;

/**
 * `mxcp admin events`: one line for each event, until the user or the reader of the output ends it. It fails only when the first
 * connection does; later it connects again and continues where it was.
 */
export const run: CommandModule['run'] = async (_args, options, context) => {
  const { output } = context;
  const printer = new EventPrinter(options, output);
  const client = await connect(options, context);
  const backoff = new Backoff(RETRIES);
  for (;;) {
    const before = printer.lastId;
    try {
      if (await printer.printAll(client)) return 0;
    } catch (error) {
      if (!printer.hasConnected || isRefusal(error)) throw namingOption(error);
      output.warn(`${visible(messageOf(error))}; connecting again`);
    }
    if (printer.lastId !== before) backoff.reset();
    await delay(backoff.next());
  }
};

/** The server names the query option and the header of its route. */
function namingOption(error: unknown): unknown {
  if (!(error instanceof MxcpError) || error.code !== 'bad_request') return error;
  const renamed = error.message.replace('query option "types"', '`--types`').replace('`Last-Event-ID`', '`--since-id`');
  return new MxcpError(error.code, renamed, { cause: error });
}

export const errorDetails = refusalDetails;

/** Prints events and remembers where to continue. */
class EventPrinter {
  readonly #options: Options;
  readonly #output: Output;
  readonly #types: readonly string[] | undefined;
  #lastId: string | undefined;
  #left: number;
  #hasConnected = false;

  /** Throws `usage`. */
  constructor(options: Options, output: Output) {
    const { types, sinceId } = options;
    this.#options = options;
    this.#output = output;
    this.#types = typeof types === 'string' ? types.split(',') : undefined;
    this.#lastId = typeof sinceId === 'string' ? sinceId : undefined;
    this.#left = readCount(options);
  }

  get hasConnected(): boolean {
    return this.#hasConnected;
  }

  get lastId(): string | undefined {
    return this.#lastId;
  }

  /** Resolves with whether no more are wanted, when the server ends the events or that is so. */
  async printAll(client: AdminClient): Promise<boolean> {
    const types = this.#types;
    for await (const event of client.events({ since: this.#lastId, ...(types !== undefined && { types }) })) {
      this.#lastId = event.id;
      this.#hasConnected = true;
      if (event.event === 'stream.begin') continue;
      print(event, this.#options, this.#output);
      if (!event.event.startsWith('stream.')) this.#left -= 1;
      if (this.#left === 0 || this.#output.isReaderGone) return true;
    }
    return false;
  }
}

/** Another attempt would be refused for the same reason. */
function isRefusal(error: unknown): boolean {
  return error instanceof AdminApiError && error.status < 500;
}

function print(event: StreamedEvent, options: Options, output: Output): void {
  if (options['json'] === true) output.print(visibleLines(JSON.stringify(event)));
  else output.print(visible(toOneLine(`${event.data.at} ${event.event.padEnd(13)} ${describe(event)}`)));
}

function describe(event: StreamedEvent): string {
  switch (event.event) {
    case 'reload.queued':
      return `${event.data.request_id} ${event.data.trigger}${event.data.dry_run ? ' (dry run)' : ''}`;
    case 'reload.stage': {
      const { id, stage, status, duration_ms: took } = event.data;
      return `${id} ${stage} ${status}${took === null ? '' : ` ${formatMs(took)}`}`;
    }
    case 'reload.ended':
      return describeEnd(event.data);
    case 'call.error': {
      const { type, name, code, duration_ms: took, message, left_out: leftOut } = event.data;
      const more = leftOut === 0 ? '' : ` (after ${leftOut} that are left out)`;
      return `${type} ${name ?? '(unknown)'} ${code} after ${formatMs(took)}: ${message}${more}`;
    }
    case 'readiness': {
      const failed = event.data.checks.filter(({ status }) => status === 'fail');
      const why = failed.map(({ name, message }) => `${name}: ${message}`).join('; ');
      return event.data.ready ? 'ready' : `not ready${why === '' ? '' : `: ${why}`}`;
    }
    default:
      return describeServer(event);
  }
}

type EventOf<Name extends StreamedEvent['event']> = Extract<StreamedEvent, { readonly event: Name }>;

function describeEnd({ id, status, duration_ms: took, error, generation }: EventOf<'reload.ended'>['data']): string {
  if (error !== null) return `${id} failed at ${error.stage} (${error.code}): ${error.message}`;
  return `${id} ${status} in ${formatMs(took)}: generation ${generation.from} -> ${generation.to ?? generation.from}`;
}

const GAPS = {
  restarted: 'the server was started again; what happened in between is not known',
  forgotten: 'more has happened than the server remembers; some events are missing',
} as const;

const ENDS = { server_closing: 'the server is shutting down', too_slow: 'this reader was too slow' } as const;

function describeServer(
  event: EventOf<'loglevel' | 'phase' | 'rotation' | 'log' | 'stream.begin' | 'stream.gap' | 'stream.end'>,
): string {
  switch (event.event) {
    case 'phase':
      return event.data.phase === 'starting' ? `starting: ${event.data.activity}` : event.data.phase;
    case 'rotation':
      return event.data.draining ? 'out of rotation' : 'in rotation again';
    case 'loglevel': {
      const { level, until } = event.data;
      return `${level}${until === null ? '' : ` until ${until}`}`;
    }
    case 'log': {
      const { level, component, message, fields } = event.data;
      const shown = Object.entries(fields).map(([name, value]) => ` ${name}=${JSON.stringify(value)}`);
      return `${level.toUpperCase()} ${component ?? 'mxcp'}: ${message}${shown.join('')}`;
    }
    case 'stream.gap':
      return GAPS[event.data.reason];
    case 'stream.end':
      return ENDS[event.data.reason];
    case 'stream.begin':
      return 'connected';
  }
}
