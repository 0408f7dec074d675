import type { CallTraceEntry } from '../../../admin/client/index.js';
import { toOneLine, visible, visibleLines } from '../../../errors/index.js';
import type { CommandModule, Options } from '../../command/command.js';
import { connect, readCount, readWait, refusalDetails } from './admin-command.js';

/** `mxcp admin trace`: one line for each call that is answered, until the user, the reader of the output or the server ends it. */
export const run: CommandModule['run'] = async (_args, options, context) => {
  const { output } = context;
  let left = readCount(options);
  readWait('--slower-than', options['slowerThan']);
  const client = await connect(options, context);
  for await (const call of client.trace(toSelection(options))) {
    if (options['json'] === true) output.print(visibleLines(JSON.stringify(call)));
    else output.print(visible(toOneLine(describe(call))));
    left -= 1;
    if (left === 0 || output.isReaderGone) return 0;
  }
  output.warn('the server has ended the trace; it shuts down, or this reader was too slow');
  return 1;
};

export const errorDetails = refusalDetails;

function toSelection({ endpoint, slowerThan, errors }: Options) {
  return {
    ...(typeof endpoint === 'string' && { endpoint }),
    ...(typeof slowerThan === 'string' && { slowerThan }),
    ...(errors === true && { errors }),
  };
}

/** The longest phases first, as long as they matter. */
const SHOWN_MS = 0.05;

function describe({
  at,
  type,
  name,
  code,
  duration_ms: took,
  phases,
  rows,
  request,
  trace_id: trace,
}: CallTraceEntry): string {
  const parts = Object.entries(phases)
    .map(([phase, ms = 0]): [string, number] => [phase, ms])
    .filter(([, ms]) => ms >= SHOWN_MS)
    .sort(([, a], [, b]) => b - a)
    .map(([phase, ms]) => `${phase}=${shortMs(ms)}`);
  const facts = [
    ...(rows === null ? [] : [`rows=${rows}`]),
    ...(request === null ? [] : [`request=${JSON.stringify(request)}`]),
    ...(trace === null ? [] : [`trace_id=${trace}`]),
  ];
  const what = `${type} ${name ?? '(unknown)'} ${code ?? 'success'}`;
  return [at, shortMs(took).padStart(8), what, ...parts, ...facts].join(' ');
}

function shortMs(ms: number): string {
  return ms < 1000 ? `${ms.toFixed(1)}ms` : `${(ms / 1000).toFixed(2)}s`;
}
