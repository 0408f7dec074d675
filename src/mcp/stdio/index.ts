export { startStdio, type StdioConnection, type StdioOptions } from './stdio-connection.js';
