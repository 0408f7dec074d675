import type { Client } from '@modelcontextprotocol/client';
import { expect, onTestFinished, test } from 'vitest';
import { InProcessServer } from '../../kit/in-process-server.js';
import { connectTo, ERAS, type Era } from '../../kit/mcp-client.js';
import { createProject, sqlTool } from '../../kit/projects/temporary-project.js';

const ROW = `SELECT 'x' AS name, 1 AS "2021", 2 AS "2020", MAP {2: 'a', 1: 'b'} AS m`;
const ROW_TEXT = '{"name":"x","2021":1,"2020":2,"m":{"2":"a","1":"b"}}';

const OBJECT = ['return: { type: object }'];

async function connect(era: Era): Promise<Client> {
  const project = createProject({
    'tools/rows.yml': sqlTool('rows', ROW),
    'tools/many.yml': sqlTool('many', `SELECT r.* FROM range(100), (${ROW}) AS r`),
    'tools/object.yml': sqlTool('object', ROW, OBJECT),
    'tools/of_python.yml': [
      'mxcp: 1',
      'tool: { name: of_python, language: python, source: { file: ../python/rows.py } }',
    ],
    'tools/object_of_python.yml': [
      'mxcp: 1',
      'tool:',
      '  name: object_of_python',
      '  language: python',
      '  source: { file: ../python/rows.py }',
      '  return: { type: object }',
    ],
    'python/rows.py': [
      'from mxcp.runtime import db',
      '',
      'def of_python():',
      `    return db.execute("""${ROW}""")`,
      '',
      'def object_of_python():',
      '    return of_python()[0]',
    ],
    'resources/rows.yml': [
      'mxcp: 1',
      'resource:',
      '  uri: rows://all',
      '  name: rows',
      '  source:',
      `    code: ${JSON.stringify(ROW)}`,
    ],
  });
  const server = await InProcessServer.start(project);
  onTestFinished(() => server[Symbol.asyncDispose]());
  const client = await connectTo(server.url, { era });
  onTestFinished(() => client.close());
  return client;
}

/** The answer as it is on the wire: a client that parses it would lose the order itself. */
async function bodyOf(client: Client, method: 'tools/call' | 'resources/read', params: object): Promise<string> {
  const { transport } = client;
  let body = '';
  const before = globalThis.fetch;
  globalThis.fetch = async (...request) => {
    const response = await before(...request);
    body += await response.clone().text();
    return response;
  };
  try {
    if (transport === undefined) throw new Error('the client is not connected');
    if (method === 'tools/call') await client.callTool({ name: '', ...params });
    else await client.readResource({ uri: '', ...params });
  } finally {
    globalThis.fetch = before;
  }
  return body;
}

test.each(ERAS)('columns and keys called as whole numbers keep their order on the wire (%s)', async (era) => {
  const client = await connect(era);
  for (const name of ['rows', 'many', 'of_python', 'object', 'object_of_python']) {
    const body = await bodyOf(client, 'tools/call', { name });
    const [texts = '', structured] = body.split('"structuredContent"');
    // An object is written over several lines.
    expect(texts.replaceAll(/\\n| /g, ''), name).toContain(JSON.stringify(ROW_TEXT).slice(1, -1));
    expect(structured?.replaceAll(' ', ''), name).toContain(ROW_TEXT);
  }
  expect(await bodyOf(client, 'resources/read', { uri: 'rows://all' })).toContain(
    JSON.stringify(ROW_TEXT).slice(1, -1),
  );
});
