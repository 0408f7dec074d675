import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';

/** Connects the official client. The caller closes it. */
export async function connectMcp(url) {
  const client = new Client({ name: 'mxcp-demo', version: '1' });
  await client.connect(new StreamableHTTPClientTransport(new URL(url)));
  return client;
}

/** Makes one call after the other until `work` has ended, and counts the outcomes. */
export async function callDuring(work, call) {
  const ended = new AbortController();
  const counts = { answered: 0, failed: 0 };
  const calling = (async () => {
    do {
      await call().then(
        () => (counts.answered += 1),
        () => (counts.failed += 1),
      );
    } while (!ended.signal.aborted);
  })();
  try {
    const result = await work();
    return { result, counts };
  } finally {
    ended.abort();
    await calling;
  }
}
