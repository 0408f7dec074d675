// npm run build, then: node scripts/count-files-run.mjs [--list]
//
// Counts the files and functions of mxcp that run in one `GET /health`, one `tools/call` of an SQL endpoint and one reload
// over HTTP: the number of files a reader has to open to follow each of them. ARCHITECTURE.md has the figures. What observes
// requests is off, as it is no part of them.
//
// Measured with V8's precise coverage on the compiled files, which still are one file per source file, in the process that
// serves. A first round of each request is not counted, so that one-time work does not show.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { Session } from 'node:inspector/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const DIST = new URL('../dist/', import.meta.url);
const { Server, loadSettings } = await import(new URL('server/index.js', DIST).href);

const FILES = {
  'mxcp-site.yml': 'mxcp: 1\nproject: counted\nprofile: dev\n',
  'config.yml':
    'mxcp: 1\nprojects:\n  counted:\n    profiles:\n      dev:\n        secrets:\n          - name: api\n            type: http\n            parameters:\n              BEARER_TOKEN: ${COUNTED_TOKEN}\n',
  'tools/add.yml':
    'mxcp: 1\ntool:\n  name: add\n  description: Adds two numbers.\n  parameters:\n    - { name: a, type: integer, description: One. }\n    - { name: b, type: integer, description: Another. }\n  return: { type: object, properties: { sum: { type: integer } } }\n  source:\n    code: SELECT $a + $b AS sum\n',
};

const root = mkdtempSync(join(tmpdir(), 'mxcp-count-'));
const socketPath = join(root, 'mxcp.sock');
for (const [name, text] of Object.entries(FILES)) {
  mkdirSync(dirname(join(root, name)), { recursive: true });
  writeFileSync(join(root, name), text);
}
const env = { HOME: root, MXCP_CONFIG: join(root, 'config.yml'), COUNTED_TOKEN: 'first-token', MXCP_METRICS: 'off' };
const settings = loadSettings({ flags: { port: '0', adminSocket: socketPath }, env, cwd: root });
const server = new Server({ settings, env, logSinks: [() => {}] });
await server.start();
// Not part of a request.
const { hostname, port, pathname } = new URL(server.url);

const inspector = new Session();
inspector.connect();
await inspector.post('Profiler.enable');
await inspector.post('Profiler.startPreciseCoverage', { callCount: true, detailed: false });

const REQUESTS = {
  'GET /health': () => send({ socketPath, path: '/health' }),
  'tools/call of an SQL endpoint': () => callTool({ a: 1, b: 2 }),
  'POST /reload?wait=30s': () => send({ socketPath, path: '/reload?wait=30s', method: 'POST' }),
};

try {
  for (const [name, run] of Object.entries(REQUESTS)) {
    await run();
    await settled();
    await inspector.post('Profiler.takePreciseCoverage');
    await run();
    await settled();
    print(name, await inspector.post('Profiler.takePreciseCoverage'));
  }
} finally {
  inspector.disconnect();
  await server.close();
  rmSync(root, { recursive: true });
}

/** What a request leaves to do after its answer is part of it; two turns without work end it. */
async function settled() {
  await new Promise((resolve) => setTimeout(resolve, 300));
}

function print(name, { result }) {
  const files = result
    .filter(({ url }) => url.startsWith(DIST.href))
    .map(({ url, functions }) => ({
      path: fileURLToPath(url).slice(fileURLToPath(DIST).length).replace(/\.js$/, '.ts'),
      names: functions.filter(({ ranges }) => ranges[0].count > 0).map(({ functionName }) => functionName),
    }))
    .filter(({ names }) => names.length > 0);
  const functions = files.reduce((sum, { names }) => sum + names.length, 0);
  console.log(`${name}: ${files.length} files, ${functions} functions`);
  if (!process.argv.includes('--list')) return;
  for (const { path, names } of files) console.log(`  ${path}: ${names.join(', ')}`);
}

function callTool(args) {
  const meta = {
    'io.modelcontextprotocol/protocolVersion': '2026-07-28',
    'io.modelcontextprotocol/clientInfo': { name: 'count', version: '1' },
    'io.modelcontextprotocol/clientCapabilities': {},
  };
  const body = JSON.stringify({
    jsonrpc: '2.0',
    id: 1,
    method: 'tools/call',
    params: { name: 'add', arguments: args, _meta: meta },
  });
  const headers = {
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
    'mcp-protocol-version': '2026-07-28',
    'mcp-method': 'tools/call',
    'mcp-name': 'add',
  };
  return send({ hostname, port, path: pathname, method: 'POST', headers }, body);
}

function send(options, body) {
  return new Promise((resolve, reject) => {
    const sent = request({ ...options, agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part) => (text += part));
      response.on('end', () =>
        response.statusCode < 300 ? resolve(text) : reject(new Error(`${response.statusCode} ${text}`)),
      );
    });
    sent.on('error', reject);
    sent.end(body);
  });
}
