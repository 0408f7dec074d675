import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runEndpoint } from '../../../src/endpoints/index.js';
import { Disposer } from '../../../src/lifecycle/index.js';
import { runChildrenFromSources } from '../../kit/children-from-sources.js';
import { TemporaryProject } from '../../kit/projects/temporary-project.js';
import { anonymous, foldersOf, openProject } from '../../kit/projects/endpoint-project.js';

runChildrenFromSources();

const LOOP = '{% for i in range(n) %}item {{ i }} {% endfor %}';

/** Takes long and needs little memory, so that its time limit ends it on any machine. */
const ENDLESS = '{% for i in range(n) %}{% for j in range(n) %}{% endfor %}{% endfor %}';

const promptFile = (name: string, template: string) =>
  JSON.stringify({
    mxcp: 1,
    prompt: { name, parameters: [{ name: 'n', type: 'integer' }], messages: [{ prompt: template }] },
  });

const children = () => process.getActiveResourcesInfo().filter((kind) => kind === 'ProcessWrap').length;

describe('a prompt that may take long', () => {
  let disposer: Disposer;

  beforeEach(() => {
    disposer = new Disposer();
  });
  afterEach(() => disposer.dispose());

  async function open(options: Parameters<typeof openProject>[2] = {}) {
    const project = new TemporaryProject({
      'prompts/loop.yml': promptFile('loop', LOOP),
      'prompts/endless.yml': promptFile('endless', ENDLESS),
      'prompts/other.yml': promptFile('other', LOOP),
      'prompts/line.yml': promptFile('line', '{{ n }} items'),
      'prompts/long.yml': promptFile('long', `{{ n | e }} ${'items '.repeat(20_000)}`),
    });
    disposer.defer(() => project[Symbol.dispose]());
    return openProject(foldersOf(project.root), disposer, options);
  }

  it('is rendered', async () => {
    const { calls } = await open();
    const expected = [{ role: 'user', content: { type: 'text', text: 'item 0 item 1 ' } }];
    expect(await calls.getPrompt('loop', { n: 2 }, anonymous())).toEqual(expected);
    expect(await calls.getPrompt('loop', { n: '2' }, anonymous())).toEqual(expected);
  });

  it('delays no other prompt, and ends with its time limit', async () => {
    const { calls } = await open({ callTimeoutMs: 3_000 });
    const long = calls.getPrompt('endless', { n: 50_000 }, anonymous());
    const failure = expect(long).rejects.toMatchObject({
      code: 'call_timeout',
      message: expect.stringContaining('the call of prompt "endless" took longer than 3 s'),
    });
    expect(await calls.getPrompt('line', { n: 5 }, anonymous())).toEqual([
      { role: 'user', content: { type: 'text', text: '5 items' } },
    ]);
    expect(await calls.getPrompt('other', { n: 1 }, anonymous())).toEqual([
      { role: 'user', content: { type: 'text', text: 'item 0 ' } },
    ]);
    await failure;
    expect(await calls.getPrompt('loop', { n: 1 }, anonymous())).toEqual([
      { role: 'user', content: { type: 'text', text: 'item 0 ' } },
    ]);
  });

  it('ends when its caller goes away', async () => {
    const { calls } = await open();
    const controller = new AbortController();
    const long = calls.getPrompt('endless', { n: 50_000 }, { ...anonymous(), signal: controller.signal });
    await calls.getPrompt('other', { n: 1 }, anonymous());
    controller.abort();
    await expect(long).rejects.toMatchObject({ code: 'query_interrupted' });
  });

  it('ends when it needs too much memory, and the next call is answered', async () => {
    const { calls } = await open();
    await expect(calls.getPrompt('loop', { n: 200_000_000 }, anonymous())).rejects.toMatchObject({
      code: 'prompt_failed',
      message: expect.stringMatching(
        /^prompt "loop" cannot be rendered: its process ended \(.*256 MiB of memory; let it loop over less$/,
      ),
    });
    expect(await calls.getPrompt('loop', { n: 1 }, anonymous())).toHaveLength(1);
  });

  it('is refused when it is larger than results may be, wherever it was rendered', async () => {
    const { calls } = await open({ maxResultBytes: 10 });
    await expect(calls.getPrompt('loop', { n: 2 }, anonymous())).rejects.toMatchObject({
      code: 'result_too_large',
      message:
        'prompt "loop" is larger than 10 bytes (reached in message 1); ask for less, or raise --max-result-bytes',
    });
    await expect(calls.getPrompt('line', { n: 123_456 }, anonymous())).rejects.toMatchObject({
      code: 'result_too_large',
    });
  });

  it('is rendered elsewhere when its text is long, also without a loop', async () => {
    const { calls } = await open();
    const before = children();
    await calls.getPrompt('line', { n: 5 }, anonymous());
    expect(children()).toBe(before);
    await calls.getPrompt('long', { n: 5 }, anonymous());
    expect(children()).toBe(before + 1);
  });

  it('leaves no process behind when a command has run it', async () => {
    const { endpoints, database } = await open();
    const before = children();
    const limits = { callTimeoutMs: 20_000, maxResultBytes: 1_000 };
    await runEndpoint(
      { endpoints, database, python: undefined },
      { kind: 'prompt', name: 'loop', parameters: { n: 1 }, context: anonymous() },
      limits,
    );
    // Node lets go of a process a moment after its end.
    await expect.poll(children).toBe(before);
  });
});

it('an empty text for an optional argument that cannot be one was left out', async () => {
  await using disposer = Object.assign(new Disposer(), { [Symbol.asyncDispose]: () => disposer.dispose() });
  const parameters = [
    { name: 'day', type: 'string', format: 'date', default: null },
    { name: 'kind', type: 'string', enum: ['a', 'b'], default: 'a' },
    { name: 'rows', type: 'integer', default: 5 },
    { name: 'note', type: 'string', default: 'none' },
    { name: 'must', type: 'string', format: 'date' },
  ];
  const template = '{{ day }} {{ kind }} {{ rows }} "{{ note }}" {{ must }}';
  const prompt = { name: 'empty', parameters, messages: [{ prompt: template }] };
  const project = new TemporaryProject({ 'prompts/empty.yml': JSON.stringify({ mxcp: 1, prompt }) });
  disposer.defer(() => project[Symbol.dispose]());
  const { calls } = await openProject(foldersOf(project.root), disposer);
  const empty = { day: '', kind: '', rows: '', note: '' };
  expect(await calls.getPrompt('empty', { ...empty, must: '2024-01-02' }, anonymous())).toEqual([
    { role: 'user', content: { type: 'text', text: 'None a 5 "" 2024-01-02' } },
  ]);
  await expect(calls.getPrompt('empty', { must: '' }, anonymous())).rejects.toMatchObject({ code: 'params_invalid' });
});
