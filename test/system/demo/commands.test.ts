import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { until } from '../../e2e/seed/running-server.js';

const repository = fileURLToPath(new URL('../../..', import.meta.url));

it('the three commands that the demo offers work as they are printed', async () => {
  const demo = spawn(process.execPath, ['scripts/demo.mjs'], { cwd: repository, stdio: ['ignore', 'pipe', 'inherit'] });
  const demoEnded = once(demo, 'close');
  let printed = '';
  demo.stdout.on('data', (chunk) => (printed += String(chunk)));
  const commands = () => printed.split('\n').filter((line) => /^ {3}(curl|bin\/mxcp) /.test(line));
  await until(() => commands().length === 3, 'the demo to print its commands');
  const outputs: string[] = [];
  for (const command of commands()) {
    const shell = spawn('bash', ['-e', '-c', command], { cwd: repository, stdio: ['ignore', 'pipe', 'inherit'] });
    let output = '';
    shell.stdout.on('data', (chunk) => (output += String(chunk)));
    const [exitCode]: (number | null)[] = await once(shell, 'close');
    expect(exitCode, `${command}\n${output}`).toBe(0);
    outputs.push(output);
  }
  demo.kill('SIGTERM');
  expect(await demoEnded).toEqual([0, null]);
  expect(outputs[0]).toContain('"status":"ok"');
  expect(outputs[1]).toContain('Anchorage, Alaska');
  expect(outputs[2]).toContain('generation');
});
