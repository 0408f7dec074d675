// node bench/baselines/otlp-sink.mjs PORT: takes whatever is exported to it, and keeps nothing.
import { createServer } from 'node:http';

createServer((request, response) => {
  request.resume().on('end', () => response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end());
}).listen(Number(process.argv[2]), 'localhost');
