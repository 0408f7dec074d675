import type { MxcpError } from '../../errors/index.js';
import type { Output } from '../terminal/output.js';

/**
 * What a shell offers for an argument or for the value of an option: these words, paths, the profiles of the project, or the names
 * of its endpoints of the kind that the argument before says.
 */
export type Completion = readonly string[] | 'file' | 'folder' | 'profile' | 'endpoint';

export interface OptionSpec {
  /** As commander declares it, e.g. `-p, --param <name=value>`. */
  readonly flags: string;
  readonly doc: string;
  /** May be given more than once; its value is then a list. */
  readonly repeatable?: boolean;
  readonly completes?: Completion;
}

export interface ArgumentSpec {
  /** As commander declares it, e.g. `<name>` or `[path]`. */
  readonly usage: string;
  readonly doc: string;
  /** The only accepted values. */
  readonly choices?: readonly string[];
  readonly completes?: Completion;
}

/** What commander parsed, in camelCase: text, lists of text, or true and false for flags without a value. */
export type Options = Readonly<Record<string, unknown>>;

/** What a command gets besides its arguments and options. */
export interface CommandContext {
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
  readonly output: Output;
  /** The whole command table. Commands cannot import it, because it imports them. */
  readonly program: CommandEntry;
  readonly early: EarlySignals;
}

/** A command that was loaded. */
export interface CommandModule {
  /** Runs the command to its end and returns its exit code. Throws `MxcpError`, which `main` turns into output. */
  run(args: readonly string[], options: Options, context: CommandContext): Promise<number>;
  /** What the JSON of a failure has besides `status`, `error`, `message` and `code`. */
  errorDetails?(
    error: MxcpError,
    options: Options,
    context: CommandContext,
  ): Readonly<Record<string, unknown>> | undefined;
}

/** One command, or a group of them. */
export interface CommandEntry {
  readonly name: string;
  readonly doc: string;
  readonly arguments?: readonly ArgumentSpec[];
  readonly options?: readonly OptionSpec[];
  /** Shown under the help of the command. */
  readonly examples?: readonly string[];
  /** Loads only what this command needs: `mxcp admin status` loads no DuckDB, and help loads no command. */
  readonly load?: () => Promise<CommandModule>;
  readonly subcommands?: readonly CommandEntry[];
}

/**
 * What the launcher (`bin/mxcp`) noted before the program was loaded. For `serve` and `dev` only, it counts SIGHUP and the stop signals,
 * keeps its handlers for the life of the process, and calls `onHangup` or `onStop` for each later signal.
 */
export interface EarlySignals {
  readonly hangups: number;
  readonly stops: number;
  /** The first one. */
  readonly stopSignal: NodeJS.Signals | undefined;
  onHangup: () => void;
  /** At SIGUSR1. */
  onReopen: () => void;
  onStop: () => void;
  /** The descriptors of standard input and output. The launcher moves those of a server, so that native code cannot use them. */
  readonly streams: { readonly input: number; readonly output: number };
  /** The threads of the process at that moment, where the system lists them. */
  readonly threads: readonly number[];
}

export const BUG_EXIT_CODE = 70;

/** What each exit code means. `docs/reference/cli.md` has the same table. */
export const EXIT_CODES: readonly { readonly code: number; readonly meaning: string }[] = [
  { code: 0, meaning: 'success' },
  {
    code: 1,
    meaning: 'a query, an endpoint, a test, a reload or the check of a contract failed, or the server is not ready',
  },
  { code: 2, meaning: 'the command line, the configuration or an endpoint file needs fixing' },
  { code: 3, meaning: 'the environment prevents it: port taken, database locked, socket not reachable, disk full' },
  { code: 4, meaning: 'the time ran out, or the server is busy; try again later' },
  { code: BUG_EXIT_CODE, meaning: 'a bug in mxcp' },
];

export function formatExitCodes(): string {
  const lines = EXIT_CODES.map(({ code, meaning }) => `  ${String(code).padEnd(4)}${meaning}`);
  return ['Exit codes:', ...lines].join('\n');
}
