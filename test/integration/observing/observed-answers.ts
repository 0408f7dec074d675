import type { InProcessServer } from '../../kit/in-process-server.js';
import { callText, connectTo, ERAS } from '../../kit/mcp-client.js';

/** What changes by itself or describes the reload; everything else must stay the same byte for byte. */
const MOVING_STATUS = ['timestamp', 'uptime', 'uptime_seconds', 'reload', 'calls'];
const MOVING_CONFIG = ['timestamp', 'last_rejected'];

/** Everything a caller of either transport can see of the current generation, as one text. */
export async function observeAnswers(
  { admin, url }: Pick<InProcessServer, 'admin' | 'url'>,
  tools: readonly string[],
): Promise<string> {
  const answers: unknown[] = [
    without(await admin.status(), MOVING_STATUS),
    without(await admin.config(), MOVING_CONFIG),
    // A file that a failed reload refused is listed as such, which is no change of what is served.
    (await admin.endpoints()).endpoints.filter((endpoint) => endpoint.status !== 'error'),
    (await admin.ready()).checks,
  ];
  for (const era of ERAS) {
    const client = await connectTo(url, { era });
    try {
      answers.push(await client.listTools());
      for (const tool of tools) answers.push(await callText(client, tool));
    } finally {
      await client.close();
    }
  }
  return JSON.stringify(answers, null, 1);
}

function without(answer: object, keys: readonly string[]): object {
  return Object.fromEntries(Object.entries(answer).filter(([key]) => !keys.includes(key)));
}
