// Runs in a separate process, so that reading large answers does not delay the measuring process.
import { HttpConnection } from './http-connection.mjs';
import { isFailure } from './load.mjs';

const { target, request, clients } = JSON.parse(process.argv[2]);
const counts = { answered: 0, failed: 0, bytes: 0 };
process.on('message', () => process.send(counts, () => process.exit(0)));

const bytes = Buffer.from(request, 'latin1');
await Promise.all(
  Array.from({ length: clients }, async () => {
    const connection = await HttpConnection.open(target);
    for (;;) {
      const answer = await connection.send(bytes);
      counts[isFailure(answer) ? 'failed' : 'answered'] += 1;
      counts.bytes += answer.bytes;
    }
  }),
);
