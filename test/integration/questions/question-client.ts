import { mkdirSync } from 'node:fs';
import { expect, onTestFinished } from 'vitest';
import { type Client, Client as OfficialClient, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { createDatabaseFile } from '../../kit/database-file.js';
import { InProcessServer, type StartOptions } from '../../kit/in-process-server.js';
import { createProject, type ProjectFiles, type TemporaryProject } from '../../kit/projects/temporary-project.js';
import type { Era } from '../../kit/mcp-client.js';
import { callOf, postModern, request } from '../mcp/http-fixture.js';

export interface Asked {
  readonly message: string;
  readonly requestedSchema: unknown;
}

/** What a person does with a form. A type, because the official client takes no interface here. */
export type Done = {
  readonly action: 'accept' | 'decline' | 'cancel';
  readonly content?: Record<string, string | number | boolean | string[]>;
};

/** The official client with a person in front of it. The test ends it. */
export async function connectPerson(
  url: string,
  era: Era,
  person: (asked: Asked) => Done | Promise<Done>,
): Promise<Client> {
  const client = new OfficialClient(
    { name: 'test', version: '1' },
    {
      capabilities: { elicitation: {}, sampling: {}, roots: {} },
      versionNegotiation: { mode: era === 'today' ? 'auto' : 'legacy' },
    },
  );
  client.setRequestHandler('elicitation/create', async ({ params }) =>
    person({
      message: params.message,
      requestedSchema: 'requestedSchema' in params ? params.requestedSchema : undefined,
    }),
  );
  await client.connect(new StreamableHTTPClientTransport(new URL(url)));
  onTestFinished(() => client.close());
  return client;
}

/** A question as a client of 2026 gets it. */
export interface RawQuestion {
  readonly resultType: string;
  readonly requestState: string;
  readonly inputRequests: Readonly<Record<string, { readonly method: string; readonly params: Asked }>>;
}

const CAN_ASK = { capabilities: { elicitation: {}, sampling: {}, roots: {} } };

export interface RawReply {
  readonly requestState?: string;
  readonly inputResponses?: Readonly<Record<string, unknown>>;
}

/** Calls a tool as a client of 2026 does. */
export async function callRaw(
  url: string,
  {
    tool,
    parameters = {},
    reply = {},
    headers = {},
  }: {
    readonly tool: string;
    readonly parameters?: object;
    readonly reply?: RawReply;
    readonly headers?: Readonly<Record<string, string>>;
  },
) {
  const message = request('tools/call', { ...callOf(tool, parameters).params, ...reply });
  const { body } = await postModern(url, message, { ...CAN_ASK, headers });
  return body;
}

/** The question that a first call gets. */
export async function askedBy(url: string, call: Parameters<typeof callRaw>[1]): Promise<RawQuestion> {
  const { result, error } = await callRaw(url, call);
  expect(error).toBeUndefined();
  // The fixture has no type for what only some results have.
  return result as unknown as RawQuestion;
}

export const CONFIRM = 'mxcp.confirm';

export function answerTo({ requestState }: RawQuestion, action: Done['action'] = 'accept'): RawReply {
  return { requestState, inputResponses: { [CONFIRM]: { action } } };
}

/** A server of these files with ten orders in its database, and what `statements` make of it, closed after the test. */
export async function startServer(files: ProjectFiles, options: StartOptions = {}, statements: readonly string[] = []) {
  const project = createProject(files);
  mkdirSync(project.path('data'));
  const database = project.path('data/db-dev.duckdb');
  await createDatabaseFile(database, 'CREATE TABLE orders AS SELECT range AS id FROM range(10)', ...statements);
  return { project, running: await restart(project, options) };
}

export async function restart(project: TemporaryProject, options: StartOptions = {}): Promise<InProcessServer> {
  const running = await InProcessServer.start(project, options);
  onTestFinished(() => running.server.close());
  return running;
}
