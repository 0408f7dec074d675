import type { KeyPath, YamlSource } from '../../config/index.js';
import type { Problem } from '../../errors/index.js';
import type { DefinitionFile } from './definition-file.js';
import type { DefinitionParts } from './definition-parts.js';
import type { SqlFileMark } from './definition-fingerprint.js';
import { checkMessages, checkResourceUri, findRepeatedNames } from './definition-rules.js';
import type { ParameterDefinition } from './definition-schema.js';
import type { EndpointSource } from './endpoint-definition.js';
import { findUnenforcedProtections } from './protections.js';
import { readSource } from './read-source.js';
import { checkType, warnOfType } from './type-rules.js';

export interface PartsFindings {
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];
  /** What the endpoint runs; undefined when it runs nothing or that has problems. */
  readonly read?: EndpointSource | undefined;
  readonly sqlFile?: SqlFileMark | undefined;
}

/** Runs every rule on the parts it is about, and reads what the endpoint runs. */
export async function checkParts(
  parts: DefinitionParts,
  source: YamlSource,
  file: DefinitionFile,
): Promise<PartsFindings> {
  const base = [file.kind];
  const { run, uri, declared, returns } = parts;
  const messages = checkMessages(parts, source);
  const request = { base, source, projectRoot: file.projectRoot, disk: file.disk };
  const found = run === undefined ? undefined : await readSource({ run, ...request });
  return {
    problems: [
      ...findRepeatedNames(declared, base, source),
      ...checkParameterTypes(parts, { base, source, file }),
      ...(returns === undefined ? [] : checkType(returns, [...base, 'return'], source)),
      ...findUnenforcedProtections(parts, base, source),
      ...messages.problems,
      ...(uri === undefined ? [] : checkResourceUri(uri, declared, source)),
      ...(found?.problems ?? []),
    ],
    warnings: [...messages.warnings, ...warnOfTypes(parts, base, source)],
    read: found?.read,
    sqlFile: found?.sqlFile,
  };
}

interface Place {
  readonly base: KeyPath;
  readonly source: YamlSource;
  readonly file: DefinitionFile;
}

function warnOfTypes({ parameters, returns }: DefinitionParts, base: KeyPath, source: YamlSource): Problem[] {
  const ofParameters = parameters.flatMap((parameter, index) =>
    parameter === undefined ? [] : warnOfType(parameter, [...base, 'parameters', index], source),
  );
  return [
    ...ofParameters,
    ...(returns === undefined ? [] : warnOfType(returns, [...base, 'return'], source)),
  ];
}

function checkParameterTypes({ parameters }: DefinitionParts, { base, source, file }: Place): Problem[] {
  const problems: Problem[] = [];
  // With holes in it, so that those that are left keep their places.
  const sound: ParameterDefinition[] = [];
  for (const [index, parameter] of parameters.entries()) {
    if (parameter === undefined) continue;
    const found = checkType(parameter, [...base, 'parameters', index], source);
    problems.push(...found);
    // A default is tried against its type only when the type itself is sound.
    if (found.length === 0) sound[index] = parameter;
  }
  return [...problems, ...file.defaults.findProblems(sound, base, source)];
}
