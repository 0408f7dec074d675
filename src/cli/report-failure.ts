import pc from 'picocolors';
import type { MxcpError } from '../errors/index.js';
import type { CommandModule } from './command.js';
import type { Output } from './output.js';

/** What JSON of a failure is made with besides the error. */
export interface FailureSource {
  /** Absent when it was not loaded. */
  readonly module: CommandModule | undefined;
  readonly cwd: string;
}

export interface FailureForm extends FailureSource {
  readonly json: boolean;
  readonly debug: boolean;
}

/** How every failed command ends: a person reads standard error, a program may have asked for JSON besides. */
export function reportFailure(output: Output, error: MxcpError, form: FailureForm): void {
  try {
    // Where the result could not be written, there is no place for its JSON either.
    if (form.json && error.code !== 'output_failed') printErrorJson(output, error, form);
  } finally {
    tellFailure(output, error, form);
  }
}

function tellFailure(output: Output, error: MxcpError, form: FailureForm): void {
  const label = output.isErrorTerminal ? pc.red('Error:') : 'Error:';
  output.warn(`${label} ${error.message}`);
  // An error of ours that nobody foresaw is worth nothing without its place.
  if ((form.debug || error.code === 'internal') && error.detail !== undefined) output.warn(error.detail);
}

export function printErrorJson(output: Output, error: MxcpError, { module, cwd }: FailureSource): void {
  const usual = { status: 'error', error: error.message, code: error.code };
  const json = module?.toErrorJson?.(error, cwd) ?? usual;
  output.write(`${output.scrub(JSON.stringify(json, null, 2))}\n`);
}
