import { CommanderError } from 'commander';
import { toMxcpError } from '../errors/index.js';
import type { EarlySignals } from './early-signals.js';
import { createOutput, printError } from './output.js';
import { parseCommandLine } from './parse-command-line.js';

/** Exit code of a command line that is not understood. */
const USAGE_EXIT_CODE = 2;

/** The one entrance of the command `mxcp`, and the one place where its errors become output and an exit code. */
export async function main(argv: readonly string[], early: EarlySignals): Promise<void> {
  process.exit(await runCommandLine(argv, early));
}

async function runCommandLine(argv: readonly string[], early: EarlySignals): Promise<number> {
  const output = createOutput();
  try {
    const invocation = await parseCommandLine(argv);
    if (invocation === null) return 0;
    const { module, args, options } = invocation;
    return await module.run(args, options, { env: process.env, cwd: process.cwd(), output, early });
  } catch (thrown) {
    // Commander has told the person already.
    if (thrown instanceof CommanderError) return USAGE_EXIT_CODE;
    const error = toMxcpError(thrown);
    const isDebug = argv.includes('--debug') || process.env['MXCP_DEBUG'] !== undefined;
    printError(output, error, isDebug || error.code === 'internal');
    return error.exitCode;
  }
}
