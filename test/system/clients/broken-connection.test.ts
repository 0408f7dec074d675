import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { childEnvironment, ChildServer } from '../../kit/child-server.js';
import { sqlTool, TemporaryProject } from '../../kit/projects/temporary-project.js';

const SCRIPT = join(import.meta.dirname, 'confirming.py');

/** A network between client and server that loses the connection of a question when the client answers it, before the server gets the answer. */
async function startNetwork(serverUrl: string) {
  const { port, hostname } = new URL(serverUrl);
  const lost: Socket[] = [];
  let asked: Socket | undefined;
  const network = createServer((client) => {
    const server = connect(Number(port), hostname);
    server.on('data', (chunk: Buffer) => {
      if (chunk.includes('elicitation/create')) asked = client;
    });
    client.on('data', (chunk: Buffer) => {
      if (asked === undefined || !chunk.includes('"action"')) return;
      lost.push(asked.destroy());
      asked = undefined;
    });
    client.pipe(server).pipe(client);
    for (const [one, other] of [
      [client, server],
      [server, client],
    ] as const)
      one.on('error', () => other.destroy()).on('close', () => other.destroy());
  }).listen(0, '127.0.0.1');
  await once(network, 'listening');
  const address = network.address() as AddressInfo;
  return { lost, url: `http://127.0.0.1:${address.port}/mcp`, [Symbol.dispose]: () => void network.close() };
}

it('the official Python client gets the answer of a call whose connection is lost', async () => {
  using project = new TemporaryProject({
    'tools/shout.yml': sqlTool('shout', 'SELECT upper($word) AS said', [
      'parameters: [{ name: word, type: string }]',
      'return: { type: object }',
      'confirm: "Shout {{ word }}?"',
    ]),
  });
  await using server = await ChildServer.start(project);
  using network = await startNetwork(server.url);
  const { stdout } = await promisify(execFile)('python3', [SCRIPT, network.url, 'shout', '{"word": "tea"}'], {
    cwd: project.root,
    env: childEnvironment(project, {}),
  });
  expect(JSON.parse(stdout)).toEqual({ questions: ['Shout tea?'], answer: { said: 'TEA' } });
  expect(network.lost).toHaveLength(1);
});
