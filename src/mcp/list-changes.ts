import type { Server } from '@modelcontextprotocol/server';

/** Which lists have changed. */
export interface ListChanges {
  readonly tools?: boolean;
  readonly resources?: boolean;
  readonly prompts?: boolean;
}

/** Tells a client that is connected all the time. */
export async function sendListChanges(server: Server, changes: ListChanges): Promise<void> {
  if (changes.tools === true) await server.sendToolListChanged();
  if (changes.resources === true) await server.sendResourceListChanged();
  if (changes.prompts === true) await server.sendPromptListChanged();
}
