const MODERN = '2026-07-28';
const LEGACY = '2025-11-25';
const CLIENT = { name: 'mxcp-bench', version: '1' };

/** The bytes of a tool call of protocol 2026-07-28, which needs no session. */
export function modernCall(tool, args, id = 1, headers = {}) {
  const meta = {
    'io.modelcontextprotocol/protocolVersion': MODERN,
    'io.modelcontextprotocol/clientInfo': CLIENT,
    'io.modelcontextprotocol/clientCapabilities': {},
  };
  const message = toolsCall(id, { name: tool, arguments: args, _meta: meta });
  return post(message, { 'mcp-protocol-version': MODERN, 'mcp-method': 'tools/call', 'mcp-name': tool, ...headers });
}

/** The bytes of a tool call in a session of a 2025 protocol. Running calls must have different ids. */
export function sessionCall(session, tool, args, id = 1) {
  const message = toolsCall(id, { name: tool, arguments: args });
  return post(message, { 'mcp-protocol-version': LEGACY, 'mcp-session-id': session });
}

/** Opens a session of a 2025 protocol on this connection and returns its id. */
export async function openSession(connection) {
  const params = { protocolVersion: LEGACY, capabilities: {}, clientInfo: CLIENT };
  const answer = await connection.send(post({ jsonrpc: '2.0', id: 1, method: 'initialize', params }));
  const session = /^mcp-session-id: *(\S+)/im.exec(answer.head)?.[1];
  if (session === undefined) throw new Error(`no session was opened: ${answer.head} ${answer.body}`);
  const initialized = { jsonrpc: '2.0', method: 'notifications/initialized' };
  await connection.send(post(initialized, { 'mcp-protocol-version': LEGACY, 'mcp-session-id': session }));
  return session;
}

/** The bytes of a GET. */
export function get(path) {
  return Buffer.from(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
}

function toolsCall(id, params) {
  return { jsonrpc: '2.0', id, method: 'tools/call', params };
}

function post(message, headers = {}) {
  const body = JSON.stringify(message);
  const lines = Object.entries({
    host: 'localhost',
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
    'content-length': Buffer.byteLength(body),
    ...headers,
  }).map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.from(`POST /mcp HTTP/1.1\r\n${lines.join('')}\r\n${body}`);
}
