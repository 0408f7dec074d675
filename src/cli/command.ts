import type { EarlySignals } from './early-signals.js';
import type { Output } from './output.js';

export interface OptionSpec {
  /** As commander declares it, e.g. `--limit <number>`. */
  readonly flags: string;
  readonly doc: string;
  /** May be given more than once; its value is then a list. */
  readonly repeatable?: boolean;
}

/** What a command gets besides its arguments. */
export interface CommandContext {
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
  readonly output: Output;
  readonly early: EarlySignals;
}

/** What the module of a command exports. */
export interface CommandModule {
  readonly options: readonly OptionSpec[];
  /**
   * Runs the command to its end and answers with its exit code. `options` holds what commander parsed, in camelCase:
   * text, or true and false for flags without a value. Throws `MxcpError`; `main` turns that into output.
   */
  run(
    args: readonly string[],
    options: Readonly<Record<string, unknown>>,
    context: CommandContext,
  ): Promise<number>;
}
