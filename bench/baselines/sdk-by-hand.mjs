// Two tools as a developer who knows the official SDK and DuckDB would write them for one project: pooled connections,
// both eras of the protocol, JSON answers. No limits, no reload, no identity, no cancellation, no check of results.
//
// node sdk-by-hand.mjs <port> <keep|prepare>: statements are prepared once per connection, or for each call with
// `runAndReadAll(sql, values)`, as in the first examples of the DuckDB documentation.
import { createServer } from 'node:http';
import { randomUUID } from 'node:crypto';
import { DuckDBInstance } from '@duckdb/node-api';
import { NodeStreamableHTTPServerTransport, toNodeHandler } from '@modelcontextprotocol/node';
import { createMcpHandler, fromJsonSchema, McpServer } from '@modelcontextprotocol/server';
import { ROWS_SQL, SUM_SQL } from '../measure/project.mjs';

const [port, statements] = process.argv.slice(2);
const POOL_SIZE = 16;
const integer = { type: 'integer' };
const object = (properties) => ({ type: 'object', properties, required: Object.keys(properties) });
const TOOLS = {
  sum: {
    sql: SUM_SQL,
    inputSchema: fromJsonSchema(object({ a: integer, b: integer })),
    outputSchema: fromJsonSchema(object({ total: integer })),
    toContent: (rows) => ({ structured: rows[0], texts: [JSON.stringify(rows[0])] }),
  },
  rows: {
    sql: ROWS_SQL,
    inputSchema: fromJsonSchema(object({ first: integer })),
    outputSchema: fromJsonSchema(object({ result: { type: 'array', items: object({ id: integer }) } })),
    toContent: (rows) => ({ structured: { result: rows }, texts: rows.map((row) => JSON.stringify(row)) }),
  },
};

const database = await DuckDBInstance.create(':memory:');
const idle = await Promise.all(Array.from({ length: POOL_SIZE }, openPooled));
const waiting = [];

/** Runs one of the tools on its own connection. */
async function openPooled() {
  const connection = await database.connect();
  if (statements === 'prepare') return (name, args) => connection.runAndReadAll(TOOLS[name].sql, args);
  const kept = {};
  for (const [name, { sql }] of Object.entries(TOOLS)) kept[name] = await connection.prepare(sql);
  return (name, args) => {
    kept[name].bind(args);
    return kept[name].runAndReadAll();
  };
}

async function query(name, args) {
  const run = idle.pop() ?? (await new Promise((resolve) => waiting.push(resolve)));
  try {
    const reader = await run(name, args);
    return reader.getRowObjectsJson().map(withNumbers);
  } finally {
    const next = waiting.shift();
    if (next === undefined) idle.push(run);
    else next(run);
  }
}

/** The JSON of DuckDB has large integers and decimals as text. */
function withNumbers(row) {
  const numbers = {};
  for (const key of ['id', 'amount', 'total']) if (key in row) numbers[key] = Number(row[key]);
  return { ...row, ...numbers };
}

function createMcpServer() {
  const server = new McpServer({ name: 'by-hand', version: '1' });
  for (const [name, { inputSchema, outputSchema, toContent }] of Object.entries(TOOLS)) {
    server.registerTool(name, { description: name, inputSchema, outputSchema }, async (args) => {
      const { structured, texts } = toContent(await query(name, args));
      return { content: texts.map((text) => ({ type: 'text', text })), structuredContent: structured };
    });
  }
  return server;
}

const modern = toNodeHandler(createMcpHandler(createMcpServer, { legacy: 'reject' }));
const sessions = new Map();

async function answerSession(request, response) {
  const known = sessions.get(request.headers['mcp-session-id']);
  if (known !== undefined) return known.handleRequest(request, response);
  const transport = new NodeStreamableHTTPServerTransport({
    sessionIdGenerator: randomUUID,
    enableJsonResponse: true,
    onsessioninitialized: (id) => void sessions.set(id, transport),
  });
  await createMcpServer().connect(transport);
  return transport.handleRequest(request, response);
}

createServer((request, response) => {
  const isModern = request.headers['mcp-protocol-version'] === '2026-07-28';
  return isModern ? modern(request, response) : answerSession(request, response);
}).listen(Number(port), 'localhost');
