// Loads what every server of this kind has to load, and does nothing with it.
import { createRequire } from 'node:module';

createRequire(import.meta.url)('@duckdb/node-api');
await import('@modelcontextprotocol/server');
process.stdout.write('loaded\n');
// Stays until it is stopped, so that its memory can be measured.
setInterval(() => {}, 60_000);
