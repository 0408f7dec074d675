export { checkSchema, conform, isMapping, jsonSchemaOf, loadYamlMapping, toDotted } from './schema-check.js';
export { type KeyPath, YamlSource, parseYaml } from './yaml-source.js';
