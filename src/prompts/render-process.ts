import { Worker } from 'node:worker_threads';
import { prepareTemplate, renderAll, type RenderRequest } from './render-template.js';

/*
 * The entry of a render process. Templates have a process of their own because rendering cannot be interrupted, and because
 * one string or list that is too large ends the whole process, whichever thread creates it (Node 20). The process takes
 * requests over its channel and ends with the server.
 */

/** A signal to the process group or to the service is meant for the server, which lets running prompts end first. */
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);

/** A killed server closes the channel, but the event loop does not notice that while it renders. */
const WATCH = `
  const server = ${process.ppid};
  setInterval(() => process.ppid === server || process.kill(process.pid, 'SIGKILL'), 1000);
`;
new Worker(WATCH, { eval: true, execArgv: [] }).unref();

process.on('message', (message) => {
  // The only sender is the server, which has the same version.
  const request = message as RenderRequest;
  process.send?.(renderAll(request.templates.map(prepareTemplate), request));
});
