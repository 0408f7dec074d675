import { COMMANDS } from '../command-table.js';
import type { CommandModule } from '../command.js';
import { toBashCompletion } from '../completion/bash.js';
import { toFishCompletion } from '../completion/fish.js';
import { toZshCompletion } from '../completion/zsh.js';

const SCRIPTS: Readonly<Record<string, (commands: typeof COMMANDS) => string>> = {
  bash: toBashCompletion,
  zsh: toZshCompletion,
  fish: toFishCompletion,
};

export const run: CommandModule['run'] = ([shell = ''], _options, { output }) => {
  output.write(SCRIPTS[shell]?.(COMMANDS) ?? '');
  return Promise.resolve(0);
};
