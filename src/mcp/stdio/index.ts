export { startStdio, type StdioConnection } from './stdio-connection.js';
