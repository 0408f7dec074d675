import type { CommandModule } from './command.js';

export interface CommandEntry {
  /** As commander declares it, e.g. `run <type> <name>`. */
  readonly usage: string;
  readonly doc: string;
  /** Loads only what this command needs: `mxcp admin status` must not load DuckDB. */
  readonly load?: () => Promise<CommandModule>;
  readonly subcommands?: readonly CommandEntry[];
}

/** Every command, in the order in which help lists them. */
export const COMMANDS: readonly CommandEntry[] = [
  {
    usage: 'serve',
    doc: 'Serve the project of the working directory to MCP clients',
    load: () => import('./commands/serve.js'),
  },
];

/** `run` of `run <type> <name>`. */
export function nameOf(entry: CommandEntry): string {
  return entry.usage.split(' ', 1)[0] ?? entry.usage;
}
