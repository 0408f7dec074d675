import type { SourcePosition } from '../../errors/index.js';

/** Where a value stands that came from an option or a variable: in no file, so its name is the place. */
export function settingPlace(name: string): SourcePosition {
  return { file: name };
}
