import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { allBlocks, nameOfBlock, type DocBlock } from '../../contract/docs/doc-blocks.js';
import { DocSession } from './doc-session.js';

const RUN_HERE = new Set(['bash', 'python', 'js']);
// `setup` blocks are npm commands on the checkout itself: .ci/run runs them, and a contract test reads them. `docker` and
// `example` blocks need a Docker daemon: test/containers runs them. `fleet` blocks need HAProxy: test/fleet runs them. `systemd`
// blocks need a service manager: test/systemd runs them. `kubernetes` blocks need a cluster: test/kubernetes checks what they apply.
const RUN_ELSEWHERE = new Set(['setup', 'docker', 'example', 'fleet', 'kubernetes', 'systemd']);
const blocks = allBlocks().filter(({ language, tags }) => RUN_HERE.has(language) && !RUN_ELSEWHERE.has(tags[0] ?? ''));
const pages = [...new Set(blocks.map(({ file }) => file))];

// Each page has a folder and a server of its own.
describe.concurrent.each(pages)('the commands of %s, in order', (page) => {
  let session: DocSession;

  beforeAll(() => {
    session = new DocSession(page);
  });

  afterAll(async () => {
    const exitCode = await session.end();
    expect(exitCode ?? 0, 'exit code of the last server of the page').toBe(0);
  });

  it.sequential.each(onPage(page))('%s', async (_name, block) => {
    const { exitCode, output } = await session.run(block);
    expect(exitCode, output).toBe(0);
  });
});

function onPage(page: string): readonly (readonly [string, DocBlock])[] {
  return blocks.filter(({ file }) => file === page).map((block) => [nameOfBlock(block), block]);
}
