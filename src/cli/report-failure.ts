import pc from 'picocolors';
import type { MxcpError } from '../errors/index.js';
import type { CommandModule } from './command.js';
import type { Output } from './output.js';

export interface FailureForm {
  readonly json: boolean;
  readonly debug: boolean;
  readonly toErrorJson: CommandModule['toErrorJson'] | undefined;
}

/** How every failed command ends: a person reads standard error, a program may have asked for JSON besides. */
export function reportFailure(output: Output, error: MxcpError, form: FailureForm): void {
  if (form.json) printErrorJson(output, error, form.toErrorJson);
  const label = output.isErrorTerminal ? pc.red('Error:') : 'Error:';
  output.warn(`${label} ${error.message}`);
  // An error of ours that nobody foresaw is worth nothing without its place.
  if ((form.debug || error.code === 'internal') && error.detail !== undefined) output.warn(error.detail);
}

export function printErrorJson(
  output: Output,
  error: MxcpError,
  toErrorJson: CommandModule['toErrorJson'] | undefined,
): void {
  const json = toErrorJson?.(error) ?? { status: 'error', error: error.message, code: error.code };
  output.write(`${output.scrub(JSON.stringify(json, null, 2))}\n`);
}
