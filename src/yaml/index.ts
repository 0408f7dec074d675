export { loadYamlMapping } from './load-yaml-mapping.js';
export { checkSchema, conform, isMapping, jsonSchemaOf, toDotted } from './schema-check.js';
export { type KeyPath, YamlSource, parseYaml } from './yaml-source.js';
