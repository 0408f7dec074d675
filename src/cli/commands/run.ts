import { ANONYMOUS } from '../../caller/index.js';
import {
  type EndpointCatalog,
  type EndpointFailure,
  type EndpointKind,
  selectEndpoint,
} from '../../endpoints/index.js';
import { MxcpError, plural, visible } from '../../errors/index.js';
import { endpointReport } from '../../project/index.js';
import type { CommandContext, CommandModule, Options } from '../command/command.js';
import { openEndpoints, readCaller } from '../command/endpoint-calls.js';
import { readParameters } from '../command/json-arguments.js';
import type { Output } from '../terminal/output.js';
import { withProgress } from '../terminal/progress.js';

interface Target {
  readonly kind: EndpointKind;
  readonly name: string;
}

const KINDS: readonly EndpointKind[] = ['tool', 'resource', 'prompt'];

export const run: CommandModule['run'] = async ([type, name = ''], options, context) => {
  const kind = KINDS.find((each) => each === type);
  if (kind === undefined)
    throw new MxcpError('usage', `unknown endpoint kind "${type}"; expected tool, resource or prompt`);
  const work = callOne({ kind, name }, options, context);
  const result = await withProgress(context.output, `running ${kind} ${name}`, work);
  if (options['jsonOutput'] === true) context.output.json({ status: 'ok', result });
  else {
    const text = toText(kind, result);
    // A program gets the result as it is; in a terminal, it must not move the cursor.
    context.output.print(context.output.isTerminal ? visible(text, '\n\t') : text);
  }
  return 0;
};

async function callOne(target: Target, options: Options, context: CommandContext): Promise<unknown> {
  const parameters = readParameters(options['param'], context.cwd);
  const { user, headers } = readCaller(options, context);
  let unrelated: readonly EndpointFailure[] = [];
  const choose = (catalog: EndpointCatalog, config: { readonly sqlTools: { readonly enabled: boolean } }) => {
    const chosen = selectEndpoint(catalog, { ...target, hasSqlTools: config.sqlTools.enabled });
    if (chosen.failures.length > 0) throw endpointReport(chosen.failures);
    unrelated = catalog.failures;
    return chosen;
  };
  const endpoints = await openEndpoints(options, context, choose);
  try {
    const failed = endpoints.failures.filter(({ kind, name }) => kind === target.kind && name === target.name);
    if (failed.length > 0) throw endpointReport(failed);
    unrelated = [...unrelated, ...endpoints.failures];
    warnOfUnrelated(unrelated, context.output);
    return await endpoints.call({ ...target, parameters, caller: { ...(user ?? ANONYMOUS), ...headers } });
  } catch (error) {
    throw explainMissing(error, target, unrelated);
  } finally {
    await endpoints.dispose();
  }
}

function warnOfUnrelated({ length }: readonly EndpointFailure[], output: Output): void {
  if (length === 0) return;
  output.warn(`Warning: ${plural(length, 'other endpoint file')} with errors; \`mxcp validate\` shows them`);
}

/** A URI may be missing only because the file of its resource has errors. */
function explainMissing(error: unknown, { kind }: Target, unrelated: readonly EndpointFailure[]): unknown {
  const resources = unrelated.filter((failure) => failure.kind === 'resource');
  const isMissing = error instanceof MxcpError && error.code === 'endpoint_not_found' && kind === 'resource';
  if (!isMissing || resources.length === 0) return error;
  const files = resources.map(({ path }) => path).join(', ');
  return new MxcpError(error.code, `${error.message} (unless it is in ${files}, which has errors)`, { cause: error });
}

function toText(kind: EndpointKind, result: unknown): string {
  if (kind === 'prompt' && Array.isArray(result)) return result.map(toMessageText).join('\n');
  return typeof result === 'string' ? result : JSON.stringify(result, null, 2);
}

/** Of anything but text, what describes it. */
function toMessageText({ role, prompt, ...description }: Readonly<Record<string, unknown>>): string {
  return `${String(role)}: ${typeof prompt === 'string' ? prompt : JSON.stringify(description)}`;
}
