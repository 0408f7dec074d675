import type { CommandContext } from '../../../src/cli/command/command.js';
import { PROGRAM } from '../../../src/cli/command-table.js';
import { createOutput } from '../../../src/cli/terminal/output.js';

/** What a command prints, instead of standard output and error. */
export class Printed {
  readonly lines: string[] = [];
  readonly warnings: string[] = [];
  isReaderGone = false;

  context(cwd: string): CommandContext {
    const { lines, warnings } = this;
    const isGone = (): boolean => this.isReaderGone;
    const output = {
      ...createOutput(),
      print: (line: string) => void lines.push(line),
      warn: (line: string) => void warnings.push(line),
      get isReaderGone() {
        return isGone();
      },
    };
    const early: CommandContext['early'] = {
      hangups: 0,
      stops: 0,
      stopSignal: undefined,
      onHangup: () => {},
      onReopen: () => {},
      onStop: () => {},
      streams: { input: 0, output: 1 },
      threads: [],
    };
    return { env: { HOME: cwd }, cwd, output, program: PROGRAM, early };
  }
}
