import type { SecretParameter } from '../../config/index.js';
import { Secret } from '../../config/index.js';
import type { JsonObject, JsonValue } from '../duckdb/index.js';
import type { CodeSnapshot } from './code-snapshot.js';
import type { PythonConfiguration, PythonSpec } from './python-spec.js';

/** The first line a worker gets: all it has to know. It holds secrets and goes nowhere but into the pipe. */
export function toStartLine(spec: PythonSpec, { sources, otherSources, imports }: CodeSnapshot): string {
  const { projectRoot: root, pythonFolder } = spec;
  const configuration = toJsonConfiguration(spec.configuration);
  return JSON.stringify({ op: 'start', root, pythonFolder, sources, otherSources, imports, configuration });
}

function toJsonConfiguration({ siteConfig, userConfig, secrets }: PythonConfiguration): JsonObject {
  const revealed = secrets.map(({ name, parameters }) => [name, reveal(parameters)] as const);
  return { siteConfig, userConfig, secrets: Object.fromEntries(revealed) };
}

function reveal(parameter: SecretParameter): JsonValue {
  if (parameter instanceof Secret) return parameter.reveal();
  if (typeof parameter !== 'object') return parameter;
  if (isList(parameter)) return parameter.map(reveal);
  return Object.fromEntries(Object.entries(parameter).map(([key, value]) => [key, reveal(value)]));
}

function isList(parameter: SecretParameter): parameter is readonly SecretParameter[] {
  return Array.isArray(parameter);
}
