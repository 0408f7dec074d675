import { onTestFinished } from 'vitest';
import { InProcessServer, type StartOptions } from '../in-process-server.js';
import { callText, connectTo } from '../mcp-client.js';
import type { TemporaryProject } from './temporary-project.js';

/** A server of the project, closed before its files are removed. Python is found in the real `PATH`. */
export async function startPython(
  project: TemporaryProject,
  { flags = {}, env = {} }: StartOptions = {},
): Promise<InProcessServer> {
  const PATH = process.env['PATH'] ?? '';
  const server = await InProcessServer.start(project, {
    flags: { pythonWorkers: '1', ...flags },
    env: { PATH, ...env },
  });
  onTestFinished(() => server[Symbol.asyncDispose]());
  return server;
}

/** Calls a tool as a client that comes for this one call. */
export async function callOnce(
  { url }: InProcessServer,
  tool: string,
  parameters: Readonly<Record<string, unknown>> = {},
): Promise<string> {
  const client = await connectTo(url);
  try {
    return await callText(client, tool, parameters);
  } finally {
    await client.close();
  }
}

/** The structured content of a tool's result. */
export async function callFor(
  { url }: InProcessServer,
  name: string,
  parameters: Readonly<Record<string, unknown>> = {},
): Promise<unknown> {
  const client = await connectTo(url);
  try {
    const { structuredContent, isError, content } = await client.callTool({ name, arguments: { ...parameters } });
    if (isError === true) throw new Error(JSON.stringify(content));
    return structuredContent;
  } finally {
    await client.close();
  }
}
