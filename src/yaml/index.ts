export { MAX_YAML_BYTES, checkSchema, conform, isMapping, jsonSchemaOf, loadYamlMapping } from './schema-check.js';
export { type Finding, checkValue, hints, toDotted, toProblems } from './schema-problems.js';
export { type KeyPath, YamlSource, parseYaml } from './yaml-source.js';
