import { AdminApiError, AdminClient } from '../../../admin/client/index.js';
import { loadAdminSettings } from '../../../settings/index.js';
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
      const answer = await ask(connect(options, context), { ...context, args, options });
      if (options['json'] === true) context.output.json(answer);
      else print(answer, context.output);
      return exitCode?.(answer) ?? 0;
    },
    // The body of a refusal has `error` and `message`, and may have more, such as the record of a failed reload.
    errorDetails: (error) =>
      error instanceof AdminApiError && typeof error.body === 'object' ? { ...error.body } : undefined,
  };
}

/** Connects to the server that `--socket`, MXCP_ADMIN_SOCKET or the default names. Needs no project. Throws `usage`. */
function connect({ socket }: Options, { env, cwd }: CommandContext): AdminClient {
  const flags = typeof socket === 'string' ? { adminSocket: socket } : {};
  const { socketPath } = loadAdminSettings({ flags, env, cwd });
  return new AdminClient({ socketPath, trigger: 'cli' });
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
