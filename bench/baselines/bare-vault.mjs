// Answers reads of key-value secrets like Vault, as fast as node:http can. Prints its port.
import { createServer } from 'node:http';

const LOOKUP = JSON.stringify({ data: { ttl: 3600, renewable: true } });
const MOUNT = JSON.stringify({ data: { path: 'kv/', type: 'kv', options: { version: '2' } } });
const data = {};
for (let key = 0; key < 20; key += 1) data[`key${key}`] = `value ${key} `.repeat(4);
const SECRET = JSON.stringify({ data: { data, metadata: { version: 3, deletion_time: '', destroyed: false } } });

function answerTo(path) {
  if (path.startsWith('/v1/kv/data/')) return SECRET;
  return path.startsWith('/v1/sys/internal/ui/mounts/') ? MOUNT : LOOKUP;
}

const server = createServer((request, response) => {
  response.setHeader('Content-Type', 'application/json');
  response.end(answerTo(request.url));
});
server.listen(0, '127.0.0.1', () => process.stdout.write(`${server.address().port}\n`));
