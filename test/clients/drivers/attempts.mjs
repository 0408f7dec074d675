// What each JavaScript client tries with the project of the conformance tests, like attempts.py.
import { setTimeout as delay } from 'node:timers/promises';

const LARGE = 1_000_000;
const LIMIT_MS = 15_000;

/** `client` has the methods that are used here. Prints what worked as JSON. */
export async function tryEverything(client, protocol) {
  const errors = {};
  const report = { protocol };
  for (const [what, check] of Object.entries(checksOf(client))) {
    try {
      report[what] = await inTime(check());
    } catch (error) {
      report[what] = false;
      errors[what] = String(error);
    }
  }
  process.stdout.write(`${JSON.stringify({ ...report, errors })}\n`);
}

function inTime(promise) {
  const late = delay(LIMIT_MS, undefined, { ref: false }).then(() => {
    throw new Error(`not within ${LIMIT_MS} ms`);
  });
  return Promise.race([promise, late]);
}

async function until(condition) {
  while (!(await condition())) await delay(10);
  return true;
}

function checksOf(client) {
  const text = async (name, parameters = {}) => {
    const { content, isError } = await client.call(name, parameters);
    return { text: content[0].text, isError: isError === true };
  };
  const calls = async () => {
    const answer = await text('test_simple_text');
    return answer.text.startsWith('This is a simple text') && !answer.isError;
  };
  return {
    lists: async () => {
      const found = [await client.tools(), await client.resources(), await client.templates(), await client.prompts()];
      const wanted = ['test_simple_text', 'test://static-text', 'test://template/{id}/data', 'test_simple_prompt'];
      return wanted.every((name, index) => found[index].includes(name));
    },
    calls,
    failures: async () => {
      const answer = await text('test_error_handling');
      return answer.isError && answer.text.includes('intentionally');
    },
    large: async () => (await text('large')).text === 'x'.repeat(LARGE),
    reads: async () => (await client.read('test://static-text')).includes('static text resource'),
    gets: async () => {
      const prompt = await client.prompt('test_prompt_with_arguments', { arg1: 'a', arg2: 'b' });
      return prompt.includes("arg1='a'");
    },
    progress: async () => {
      await text('test_tool_with_progress');
      return until(() => client.progress.join(' ').endsWith('0 50 100'));
    },
    logs: async () => {
      await text('test_tool_with_logging');
      return until(() => client.logs.length >= 3);
    },
    asks: async () => {
      const answer = await text('test_elicitation', { message: 'Which color?' });
      return answer.text.includes('accept') && answer.text.includes('blue');
    },
    changes: async () => {
      client.changes = 0;
      await text('test_trigger_tool_change');
      return until(() => client.changes > 0);
    },
    reloads: async () => {
      const before = (await client.tools()).join();
      await text('test_trigger_tool_change');
      await until(async () => (await client.tools()).join() !== before);
      return calls();
    },
  };
}
