/*
 * The entry of a process that renders templates. A process of its own, because rendering cannot be interrupted, and because
 * one string or list that is too large ends the process that makes it, whatever thread it is made in (Node 20). Asked over
 * its channel, and gone with whoever asks.
 */
import { parseTemplate } from './jinja-library.js';
import { renderAll, type RenderRequest } from './render-messages.js';

process.on('message', (message) => {
  // Sent by a renderer, of the same version.
  const request = message as RenderRequest;
  process.send?.(renderAll(request.templates.map(parseTemplate), request));
});
