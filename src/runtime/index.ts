export * from './duckdb/index.js';
