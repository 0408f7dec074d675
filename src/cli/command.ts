import type { MxcpError } from '../errors/index.js';
import type { EarlySignals } from './early-signals.js';
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
