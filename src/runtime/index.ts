export * from './duckdb/index.js';
export * from './python/index.js';
