import type { CommandEntry, CommandModule } from '../kit/command.js';
import { toBashCompletion, toFishCompletion, toZshCompletion } from '../kit/completion-scripts.js';

const SCRIPTS: Readonly<Record<string, (commands: readonly CommandEntry[]) => string>> = {
  bash: toBashCompletion,
  zsh: toZshCompletion,
  fish: toFishCompletion,
};

export const run: CommandModule['run'] = ([shell = ''], _options, { output, commands }) => {
  output.write(SCRIPTS[shell]?.(commands) ?? '');
  return Promise.resolve(0);
};
