import { expect, it } from 'vitest';
import { connectTo } from '../../kit/mcp-client.js';
import { createProject, pythonTool, sqlTool } from '../../kit/projects/temporary-project.js';
import { startPython } from '../../kit/projects/python-server.js';

const FIELDS = ['parameters: [{ name: id, type: integer }]', 'return: { type: integer }'];

it('numbers that a double cannot hold go to Python and back, and fit what clients check them against', async () => {
  const project = createProject({
    'python/ids.py': ['def next_id(id: int) -> int:', '    return id + 1'],
    'tools/next_id.yml': pythonTool('next_id', 'python/ids.py', FIELDS),
    'tools/next_in_sql.yml': sqlTool('next_in_sql', 'SELECT $id + 1', FIELDS),
  });
  const { url } = await startPython(project);
  const client = await connectTo(url);
  try {
    // The client keeps the schemas, and refuses an answer that does not fit its own.
    await client.listTools();
    for (const name of ['next_id', 'next_in_sql']) {
      const large = await client.callTool({ name, arguments: { id: '9007199254740992' } });
      expect(large.structuredContent).toEqual({ result: '9007199254740993' });
      const small = await client.callTool({ name, arguments: { id: 1 } });
      expect(small.structuredContent).toEqual({ result: 2 });
    }
  } finally {
    await client.close();
  }
});
