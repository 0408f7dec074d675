import { existsSync } from 'node:fs';
import { AdminApiError, AdminClient, readOwnerFile } from '../../../admin/client/index.js';
import { MxcpError, visible } from '../../../errors/index.js';
import { MAX_WAIT_MS, parseDuration } from '../../../lifecycle/index.js';
import { loadAdminSettings, loadSettings } from '../../../settings/index.js';
import type { CommandContext, CommandModule, Options } from '../../command/command.js';
import type { Output } from '../../terminal/output.js';

export interface Invocation extends CommandContext {
  readonly args: readonly string[];
  readonly options: Options;
}

interface AdminCommand<T> {
  readonly ask: (client: AdminClient, invocation: Invocation) => Promise<T>;
  readonly print: (answer: T, output: Output) => void;
  /** 0 if not given. */
  readonly exitCode?: (answer: T) => number;
}

/** A command that asks a running server one question. It prints the answer for a person or, with `--json`, unchanged. */
export function adminCommand<T>({ ask, print, exitCode }: AdminCommand<T>): CommandModule {
  return {
    run: async (args, options, context) => {
      const answer = await ask(await connect(options, context), { ...context, args, options });
      if (options['json'] === true) context.output.json(answer);
      else print(answer, context.output);
      return exitCode?.(answer) ?? 0;
    },
    errorDetails: refusalDetails,
  };
}

/** The body of a refusal has `error` and `message`, and may have more, such as the record of a failed reload. */
export function refusalDetails(error: MxcpError): Readonly<Record<string, unknown>> | undefined {
  return error instanceof AdminApiError && typeof error.body === 'object' ? { ...error.body } : undefined;
}

/**
 * Connects to the server that `--socket` or MXCP_ADMIN_SOCKET names, else to the one of the project that `-C` names, else to the
 * default, and if that does not exist, to the server of the project here. Throws `usage`, and what reading a named project throws.
 */
export async function connect(options: Options, context: CommandContext): Promise<AdminClient> {
  const { env, cwd } = context;
  const socket = options['socket'];
  const flags = typeof socket === 'string' ? { adminSocket: socket } : {};
  const { socketPath } = loadAdminSettings({ flags, env, cwd });
  const isNamed = socket !== undefined || (env['MXCP_ADMIN_SOCKET'] ?? '').trim() !== '';
  const found = isNamed ? undefined : await findSocketOfProject(options, context, socketPath);
  return new AdminClient({ socketPath: found ?? socketPath, trigger: 'cli' });
}

/** Undefined when no server of the project has left its socket beside the database. */
async function findSocketOfProject(
  { projectDir, config, profile }: Options,
  { env, cwd, output }: CommandContext,
  defaultSocket: string,
): Promise<string | undefined> {
  if (projectDir === undefined && existsSync(defaultSocket)) return undefined;
  const given = { projectDir, config, profile };
  // What commander parsed is text.
  const flags = Object.fromEntries(Object.entries(given).filter(([, value]) => typeof value === 'string'));
  try {
    const settings = loadSettings({ flags, env, cwd });
    const { loadDatabasePath } = await import('../../../config/index.js');
    return readOwnerFile(await loadDatabasePath(settings))?.socket;
  } catch (error) {
    // Without a project here, or with one that cannot be read, there is still the default socket.
    if (projectDir !== undefined || !(error instanceof MxcpError)) throw error;
    if (error.code !== 'project_not_found')
      output.warn(
        `Note: the server of this project was not found, because the configuration on disk has errors; \`--socket\` names its socket: ${visible(error.logMessage, '\n\t')}`,
      );
    return undefined;
  }
}

/** The time that an option names; undefined when it is not given. Throws `usage`. */
export function readWait(option: string, given: unknown): number | undefined {
  if (given === undefined) return undefined;
  const waitMs = parseDuration(String(given));
  if (waitMs !== undefined && waitMs <= MAX_WAIT_MS) return waitMs;
  throw new MxcpError('usage', `${option} must be a time such as 30s or 2m, at most 10m, not "${String(given)}"`);
}

/** How many to list; undefined when it is not given. Throws `usage`. */
export function readLimit({ limit: given }: Options): number | undefined {
  if (given === undefined) return undefined;
  const limit = Number(given);
  if (Number.isInteger(limit) && limit >= 1 && limit <= 1000) return limit;
  throw new MxcpError('usage', `--limit must be a whole number from 1 to 1000, not "${String(given)}"`);
}

/** `12 ms`, `3.4 s`. */
export function formatMs(durationMs: number | null): string {
  if (durationMs === null) return '-';
  return durationMs < 1000 ? `${Math.round(durationMs)} ms` : `${(durationMs / 1000).toFixed(1)} s`;
}

/** A configured value of any type, on one line. */
export function formatValue(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? 'not set');
}

/** After how many lines a command that follows the server ends. Throws `usage`. */
export function readCount({ count: given }: Options): number {
  if (given === undefined) return Number.POSITIVE_INFINITY;
  const count = Number(given);
  if (Number.isInteger(count) && count >= 1) return count;
  throw new MxcpError('usage', `--count must be a whole number above 0, not "${String(given)}"`);
}
