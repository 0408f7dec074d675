import { Client } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { dirname } from 'node:path';
import { describe, expect, it } from 'vitest';
import { allBlocks, nameOfBlock } from '../../contract/docs/doc-blocks.js';
import { LAUNCHER, SMALL_PROJECT, temporaryFolder } from './mxcp-process.js';

interface Started {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** The servers that a client would start, of every configuration that the documents show. */
const snippets = allBlocks()
  .filter(({ language, tags }) => language === 'json' && tags[0] === 'client')
  .flatMap((block) => {
    const { mcpServers, servers = mcpServers } = JSON.parse(block.text);
    const started = Object.values<Partial<Started>>(servers).filter(({ command }) => command !== undefined);
    return started.map((server) => [nameOfBlock(block), server as Started] as const);
  });

describe('the configuration of a client', () => {
  it('is shown for several clients', () => {
    expect(snippets.length).toBeGreaterThanOrEqual(4);
  });

  it.each(snippets)('%s starts the server from any folder, with no other environment', async (_name, server) => {
    const project = temporaryFolder(SMALL_PROJECT);
    expect(server.command).toBe('/usr/local/bin/mxcp');
    const transport = new StdioClientTransport({
      command: LAUNCHER,
      args: server.args.map((arg) => arg.replace('/home/ada/my-project', project.path)),
      // Where the documents say that the paths of this machine belong.
      env: { ...server.env, PATH: `${dirname(process.execPath)}:${server.env['PATH']}` },
      cwd: '/',
      stderr: 'ignore',
    });
    const client = new Client({ name: 'test', version: '1' });
    await client.connect(transport);
    const { tools } = await client.listTools();
    await client.close();
    expect(tools.map(({ name }) => name).sort()).toEqual(['add', 'many', 'slow', 'who']);
    project.dispose();
  });
});
