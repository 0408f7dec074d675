import { HttpConnection } from './http-connection.mjs';
import { quantile } from './statistics.mjs';

/**
 * Keeps `clients` connections busy for a time, each with one request at a time. `requestOf` returns the bytes that the client
 * with this number sends. `process`, if given, is the process whose CPU time is measured. Returns rates, latencies and the
 * number of wrong answers.
 */
export async function runLoad({ target, requestOf, clients = 1, seconds, process }) {
  const connections = await Promise.all(Array.from({ length: clients }, () => HttpConnection.open(target)));
  const latencies = [];
  const failures = [];
  const cpuBefore = process?.tree().cpuMs ?? 0;
  const startedAt = performance.now();
  const endAt = startedAt + seconds * 1000;
  await Promise.all(
    connections.map(async (connection, client) => {
      const request = requestOf(client);
      for (let sentAt = performance.now(); sentAt < endAt; sentAt = performance.now()) {
        const answer = await connection.send(request);
        latencies.push(performance.now() - sentAt);
        if (isFailure(answer)) failures.push(answer);
      }
    }),
  );
  const elapsedMs = performance.now() - startedAt;
  const cpuMs = (process?.tree().cpuMs ?? 0) - cpuBefore;
  for (const connection of connections) connection.close();
  const sorted = Float64Array.from(latencies).sort();
  return {
    count: latencies.length,
    failures: failures.length,
    firstFailure: failures[0] === undefined ? undefined : `${failures[0].status} ${failures[0].body}`,
    perSecond: (latencies.length / elapsedMs) * 1000,
    cpuUs: (cpuMs * 1000) / latencies.length,
    p50: quantile(sorted, 0.5),
    p99: quantile(sorted, 0.99),
    longest: sorted.at(-1),
  };
}

/** A measurement with wrong answers is worse than none. */
export function requireSuccess(load) {
  if (load.failures > 0) throw new Error(`${load.failures} of ${load.count} failed: ${load.firstFailure}`);
  return load;
}

/** Errors of a tool and of the protocol have status 200. */
export function isFailure({ status, body }) {
  return status !== 200 || body.includes('"isError":true') || /^[^[]{0,40}"error":/.test(body);
}
