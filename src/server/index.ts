/** The entrance for programs that embed the server: `new Server({ settings: loadSettings(…), env })`, `start()`, `close()`. */
export { loadSettings, type ServerSettings } from '../settings/index.js';
export type { ReferenceResolver, ResolvedValue } from '../secrets/index.js';
export { MxcpError } from '../errors/index.js';
export type { Logger, LogSink } from '../logging/index.js';
export type { AcceptedReload, ReloadOptions } from '../reload/index.js';
export type { CallTiming, ObservedCall, ServerObserver } from '../telemetry/index.js';
export { Server, type ServerOptions } from './server.js';
export { findProjectCode, type ProjectCode, waitForChange } from './watch/code-files.js';
