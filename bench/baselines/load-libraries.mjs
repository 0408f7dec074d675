// Loads the libraries that every such server needs, and does nothing with them.
import { createRequire } from 'node:module';

createRequire(import.meta.url)('@duckdb/node-api');
await import('@modelcontextprotocol/server');
process.stdout.write('loaded\n');
// Keeps running until it is stopped, so that its memory can be measured.
setInterval(() => {}, 60_000);
