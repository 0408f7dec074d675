import { createProject } from '../../kit/projects/temporary-project.js';
import { describe, expect, it, onTestFinished } from 'vitest';
import { connectTo } from '../../kit/mcp-client.js';
import { startPython } from '../../kit/projects/python-server.js';

/** What every PNG begins with: no text, because of its first byte. */
const PNG = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
/** Beyond what is written in one go. */
const LARGE = Buffer.concat([PNG, Buffer.alloc(1_000_000)]);
const PDF = '%PDF-1.4\nplain ASCII\n';

function resource(name: string, mimeType: string, source: string, language = 'sql'): string[] {
  return [
    'mxcp: 1',
    'resource:',
    `  uri: files://${name}`,
    `  mime_type: ${mimeType}`,
    `  language: ${language}`,
    '  return: { type: string }',
    `  source: { ${source} }`,
  ];
}

const blob = (bytes: Buffer): string => `code: "SELECT from_hex('${bytes.toString('hex')}')"`;

const RESOURCES = {
  image: resource('image', 'image/png', blob(PNG)),
  report: resource('report', 'application/pdf', blob(Buffer.from(PDF))),
  encoded: resource('encoded', 'image/png', `code: "SELECT '${PNG.toString('base64')}'"`),
  drawing: resource('drawing', 'image/svg+xml', `code: "SELECT '<svg/>'"`),
  large: resource('large', 'audio/wav', `code: "SELECT from_hex('${PNG.toString('hex')}' || repeat('00', 1000000))"`),
  letters: resource('letters', 'image/png', `code: "SELECT repeat('A', 8000000)"`),
  chart: resource('chart', 'image/png', 'file: ../python/chart.py', 'python'),
};

async function openReader(): Promise<(name: string) => Promise<unknown>> {
  const project = createProject({
    'python/chart.py': ['def chart():', `    return bytes.fromhex("${PNG.toString('hex')}")`],
    ...Object.fromEntries(Object.entries(RESOURCES).map(([name, lines]) => [`resources/${name}.yml`, lines])),
  });
  const server = await startPython(project);
  const client = await connectTo(server.url);
  onTestFinished(() => client.close());
  return async (name) => (await client.readResource({ uri: `files://${name}` })).contents[0];
}

describe('a resource of a binary type', () => {
  it('is answered as bytes, whatever it came from and however large it is', async () => {
    const read = await openReader();
    const png = { mimeType: 'image/png', blob: PNG.toString('base64') };
    expect(await read('image')).toEqual({ uri: 'files://image', ...png });
    expect(await read('encoded')).toEqual({ uri: 'files://encoded', ...png });
    expect(await read('chart')).toEqual({ uri: 'files://chart', ...png });
    const letters = { mimeType: 'image/png', blob: 'A'.repeat(8_000_000) };
    expect(await read('letters')).toEqual({ uri: 'files://letters', ...letters });
    const report = { mimeType: 'application/pdf', blob: Buffer.from(PDF).toString('base64') };
    expect(await read('report')).toEqual({ uri: 'files://report', ...report });
    const large = { mimeType: 'audio/wav', blob: LARGE.toString('base64') };
    expect(await read('large')).toEqual({ uri: 'files://large', ...large });
  });

  it('is answered as text when its type is one that people read', async () => {
    const read = await openReader();
    expect(await read('drawing')).toMatchObject({ mimeType: 'image/svg+xml', text: '<svg/>' });
  });
});
