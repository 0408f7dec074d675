export { MAX_YAML_BYTES, checkSchema, conform, isMapping, jsonSchemaOf, loadYamlMapping } from './schema-check.js';
export { type Finding, explainMismatch, hints, toProblems } from './schema-problems.js';
export { type KeyPath, YamlSource, parseYaml, toDotted } from './yaml-source.js';
