import { ANONYMOUS } from '../../../src/caller/index.js';
import { PythonWorkers } from '../../../src/python/index.js';

/** A process that has one worker which does something forever; it prints the worker's process id. */
const [root = '', functionName = ''] = process.argv.slice(2);

const workers = await PythonWorkers.build({
  projectRoot: root,
  pythonFolder: `${root}/python`,
  interpreter: undefined,
  workers: 1,
  environment: process.env,
  configuration: { siteConfig: {}, userConfig: {}, secrets: [] },
  targets: [],
  resources: [],
  output: () => undefined,
  scrubber: { scrubHead: (text) => text, scrubTail: (text) => text },
  onWarning: () => undefined,
  onDebug: () => undefined,
  openSession: () => {
    throw new Error('no database here');
  },
  requestReload: () => undefined,
});

async function call(name: string): Promise<unknown> {
  let result: unknown;
  await workers.call(
    { file: 'python/busy.py', functionName: name },
    {},
    {
      caller: ANONYMOUS,
      signal: new AbortController().signal,
      maxResultBytes: 1000,
      onShape: () => undefined,
      onItem: (value) => {
        result = value;
      },
    },
  );
  return result;
}

const pid = await call('pid');
const busy = call(functionName);
// What only computes does so by the time that the worker has read another message.
process.stdout.write(`${String(pid)}\n`);
await busy;
setInterval(() => undefined, 1000);
