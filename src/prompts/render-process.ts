import { Worker } from 'node:worker_threads';
import { parseTemplate } from './jinja-library.js';
import { renderAll, type RenderRequest } from './render-messages.js';

/*
 * The entry of a process that renders templates. A process of its own, because rendering cannot be interrupted, and because
 * one string or list that is too large ends the process that makes it, whatever thread it is made in (Node 20). Asked over
 * its channel, and gone with whoever asks.
 */

/** A signal to the process group or to the service is meant for the server, which lets prompts end before it ends this. */
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);

/** A server that was killed closes the channel, which nobody hears while a template is rendered. */
const WATCH = `
  const server = ${process.ppid};
  setInterval(() => process.ppid === server || process.kill(process.pid, 'SIGKILL'), 1000);
`;
new Worker(WATCH, { eval: true, execArgv: [] }).unref();

process.on('message', (message) => {
  // Sent by a renderer, of the same version.
  const request = message as RenderRequest;
  process.send?.(renderAll(request.templates.map(parseTemplate), request));
});
