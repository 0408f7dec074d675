import { Ajv2020 } from 'ajv/dist/2020.js';
import ajvFormats from 'ajv-formats';
import { expect, it } from 'vitest';
import { InProcessServer } from '../../kit/in-process-server.js';
import { callText, connectTo } from '../../kit/mcp-client.js';
import { sqlTool, TemporaryProject } from '../../kit/projects/temporary-project.js';

it.each([
  ['email', 'a@b.org', 'a@b.org'],
  ['uri', 'https://example.org/a', 'https://example.org/a'],
  ['date', '2024-02-29', '2024-02-29'],
  ['time', '10:30:00Z', '10:30:00'],
  ['time', '10:30:00.25+02:00', '10:30:00.25'],
  ['date-time', '2024-02-29T10:30:00+02:00', '2024-02-29 08:30:00+00'],
  ['duration', 'P1DT2H', 'P1DT2H'],
  ['timestamp', '1709202600', '2024-02-29 10:30:00'],
])('a value of the format %s that a client finds valid is taken: %s', async (format, value, text) => {
  using project = new TemporaryProject({
    'tools/echo.yml': sqlTool('echo', "SET TimeZone = 'UTC'; SELECT $value::VARCHAR", [
      `parameters: [{ name: value, type: string, format: ${format} }]`,
      'return: { type: string }',
    ]),
  });
  await using server = await InProcessServer.start(project);
  const client = await connectTo(server.url);
  const { tools } = await client.listTools();
  const [{ inputSchema } = { inputSchema: {} }] = tools;
  const ajv = new Ajv2020({ strict: false, formats: { timestamp: true } });
  ajvFormats.default(ajv);
  expect(ajv.validate(inputSchema, { value })).toBe(true);
  expect(await callText(client, 'echo', { value })).toBe(text);
  await client.close();
});
