// The minimum that answers GET /health: node:http on a Unix socket, with an answer of the same form.
import { createServer } from 'node:http';

createServer((_request, response) => {
  const body = JSON.stringify({ status: 'ok', timestamp: new Date().toISOString() });
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) });
  response.end(body);
}).listen(process.argv[2]);
