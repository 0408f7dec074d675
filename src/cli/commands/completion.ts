import type { CommandEntry, CommandModule } from '../command.js';
import { toBashCompletion } from '../completion/bash.js';
import { toFishCompletion } from '../completion/fish.js';
import { toZshCompletion } from '../completion/zsh.js';

const SCRIPTS: Readonly<Record<string, (commands: readonly CommandEntry[]) => string>> = {
  bash: toBashCompletion,
  zsh: toZshCompletion,
  fish: toFishCompletion,
};

export const run: CommandModule['run'] = ([shell = ''], _options, { output, commands }) => {
  output.write(SCRIPTS[shell]?.(commands) ?? '');
  return Promise.resolve(0);
};
