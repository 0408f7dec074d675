import type { RefusedDefinition, RunRecord } from '../contract/index.js';
import type { EndpointFailure, EndpointKind } from '../endpoints/index.js';
import { clip, formatProblem, MxcpError } from '../errors/index.js';
import type { Scrubber } from '../logging/index.js';
import type { GenerationContents } from '../project/index.js';

/** For the record of one reload, which is kept in memory. */
const MAX_REFUSED = 100;
const MAX_MESSAGE = 2000;

/** What answers say of endpoint files with errors. */
export function toRefused(failures: readonly EndpointFailure[], scrubber: Scrubber): readonly RefusedDefinition[] {
  return failures.slice(0, MAX_REFUSED).map(({ path, kind: type, name, problems }) => {
    const message = clip(scrubber.scrub(problems.map(formatProblem).join('\n')), MAX_MESSAGE);
    return { path, type, name, message };
  });
}

/**
 * The endpoint files that the server has read and does not serve as they are on disk, by path: those that it left out with
 * `--ignore-errors`, and those for which the last reload failed.
 */
export function findRefused(
  serving: GenerationContents | undefined,
  last: RunRecord | null,
  scrubber: Scrubber,
): ReadonlyMap<string, RefusedDefinition> {
  const refused = [
    ...toRefused(serving?.endpoints.catalog.failures ?? [], scrubber),
    ...(last?.definitionsRefused ?? []),
  ];
  return new Map(refused.map((each) => [each.path, each]));
}

/** For a call of an endpoint that is not served, because its file was refused. */
export function refusedError(kind: EndpointKind, name: string, refused: readonly RefusedDefinition[]): MxcpError {
  const lines = refused.flatMap(({ message }) => message.split('\n')).map((line) => `  ${line}`);
  return new MxcpError('endpoint_invalid', [`the server refused the file of ${kind} "${name}":`, ...lines].join('\n'));
}
