import type { MxcpError } from '../../errors/index.js';
import type { Output } from './output.js';

/** What a shell completes after an option, or in place of an argument. */
export type Completion = readonly string[] | 'file' | 'folder';

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
  /** Nothing else is accepted. */
  readonly choices?: readonly string[];
  readonly completes?: Completion;
}

/** What commander parsed, in camelCase: text, lists of text, or true and false for flags without a value. */
export type Options = Readonly<Record<string, unknown>>;

/** What a command gets besides its arguments. */
export interface CommandContext {
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
  readonly output: Output;
  /** All commands, which load this one and therefore are not imported by it. */
  readonly commands: readonly CommandEntry[];
  readonly early: EarlySignals;
}

/** What the module of a command exports. */
export interface CommandModule {
  /** Runs the command to its end and answers with its exit code. Throws `MxcpError`; `main` turns that into output. */
  run(args: readonly string[], options: Options, context: CommandContext): Promise<number>;
  /** What a failure is on standard output when JSON was asked for, where it is not the usual `status` and `error`. */
  toErrorJson?(error: MxcpError, cwd: string): unknown;
  /** Where the error's own exit code is not the one. */
  toExitCode?(error: MxcpError): number;
}

/** One command, or a group of them. */
export interface CommandEntry {
  readonly name: string;
  readonly doc: string;
  readonly arguments?: readonly ArgumentSpec[];
  readonly options?: readonly OptionSpec[];
  /** Shown under the help of the command. */
  readonly examples?: readonly string[];
  /** Loads what this command needs and nothing else: `mxcp admin status` loads no DuckDB, and neither does any help. */
  readonly load?: () => Promise<CommandModule>;
  readonly subcommands?: readonly CommandEntry[];
}

/**
 * What the launcher (`bin/mxcp`) noted before the program was loaded. It counts SIGHUP and the stop signals, for `serve`
 * only, keeps its handlers for the life of the process, and passes each later signal on to what is set here.
 */
export interface EarlySignals {
  readonly hangups: number;
  readonly stops: number;
  onHangup: () => void;
  onStop: () => void;
  /** The threads of the process then, where the system lists them. */
  readonly threads: readonly number[];
}

export const BUG_EXIT_CODE = 70;

/** What the exit code of every command means. `docs/reference/cli.md` says the same. */
export const EXIT_CODES: readonly { readonly code: number; readonly meaning: string }[] = [
  { code: 0, meaning: 'fine' },
  { code: 1, meaning: 'a query, an endpoint or a reload failed, or the server is not ready' },
  { code: 2, meaning: 'the command line, the configuration or an endpoint file has to be fixed' },
  {
    code: 3,
    meaning: 'the environment prevents it: port taken, database locked, socket not reachable, disk full',
  },
  { code: 4, meaning: 'the time ran out, or the server is busy; try again later' },
  { code: BUG_EXIT_CODE, meaning: 'a bug of mxcp' },
];

export function formatExitCodes(): string {
  const lines = EXIT_CODES.map(({ code, meaning }) => `  ${String(code).padEnd(4)}${meaning}`);
  return ['Exit codes:', ...lines].join('\n');
}
