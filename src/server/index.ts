/** The door for programs that embed the server: `new Server({ settings: loadSettings(…), env })`, `start()`, `close()`. */
export {
  loadSettings,
  type ReferenceResolver,
  type ResolvedValue,
  type ServerSettings,
} from '../config/index.js';
export { MxcpError } from '../errors/index.js';
export type { Logger, LogSink } from '../logging/index.js';
export type { AcceptedReload, ReloadOptions } from '../reload/index.js';
export { Server, type ServerOptions } from './server.js';
