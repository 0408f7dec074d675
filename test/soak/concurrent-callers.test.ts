import { expect, it } from 'vitest';
import { protectedProject } from '../kit/projects/protected-project.js';
import { startPython } from '../kit/projects/python-server.js';
import { callOf, postMessage } from '../kit/raw-http.js';

const CALLERS = Array.from({ length: 64 }, (_, number) => ({
  token: `caller-token-${String(number).padStart(16, '0')}`,
  username: `user${number}`,
  role: `role${number}`,
  permissions: [`permission${number}`],
  capabilities: [`capability${number}`],
  scopes: [`scope${number}`],
}));

/** SQL that says who calls, also after it has worked for a while. */
const WHO =
  'SELECT get_username() AS username, get_user_role() AS role, get_user_permissions() AS permissions, get_user_capabilities() AS capabilities, get_user_scopes() AS scopes';
const LATER = `${WHO}, count(*)::INT AS calls, count(DISTINCT get_username())::INT AS users FROM range(30000) AS r(i)`;

const PYTHON = [
  'import asyncio, concurrent.futures',
  'from mxcp.runtime import db',
  'from mxcp.sdk.auth.context import get_user_context',
  'pool = concurrent.futures.ThreadPoolExecutor(4)',
  'def described():',
  '    user = get_user_context()',
  '    lists = {"permissions": list(user.permissions), "capabilities": list(user.capabilities), "scopes": list(user.scopes)}',
  '    return {"username": user.username, "role": user.role, **lists}',
  `def in_sql(): return db.execute("${WHO}")[0]`,
  'def in_thread(): return [described(), in_sql(), pool.submit(described).result(), pool.submit(in_sql).result(), in_sql()]',
  'async def on_loop():',
  '    seen = []',
  '    for _ in range(5):',
  '        seen += [described(), in_sql(), await asyncio.to_thread(in_sql)]',
  '        await asyncio.sleep(0)',
  '    return seen',
];

const sql = (name: string, code: string) => `mxcp: 1\ntool:\n  name: ${name}\n  source:\n    code: |\n      ${code}\n`;
const python = (name: string) =>
  `mxcp: 1\ntool:\n  name: ${name}\n  language: python\n  source: { file: ../python/who.py }\n`;

it('each of 64 callers at once sees only itself, in SQL and in Python, while the server reloads', async () => {
  const tokens = CALLERS;
  const project = protectedProject(
    { provider: 'static', static: { tokens } },
    {
      'python/who.py': PYTHON,
      'tools/who.yml': sql('who', WHO),
      'tools/later.yml': sql('later', LATER),
      'tools/in_thread.yml': python('in_thread'),
      'tools/on_loop.yml': python('on_loop'),
    },
  );
  const server = await startPython(project, { flags: { pythonWorkers: '2', maxQueuedCalls: '1000' } });
  const seen = CALLERS.map(async ({ token, ...caller }) => {
    const answers: unknown[] = [];
    for (const tool of ['who', 'in_thread', 'later', 'on_loop', 'who']) {
      const { text } = await postMessage(server.url, callOf(tool), ['authorization', `Bearer ${token}`]);
      const { result = text } = JSON.parse(text);
      answers.push(...[result?.structuredContent?.result ?? result].flat());
    }
    const { username, role, permissions, capabilities, scopes } = caller;
    const itself = { username, role, permissions, capabilities, scopes };
    expect(answers).toHaveLength(23);
    for (const answer of answers) expect(answer).toMatchObject(itself);
  });
  const calls = { areRunning: true };
  const allSeen = Promise.all(seen).finally(() => (calls.areRunning = false));
  let reloads = 0;
  while (calls.areRunning) {
    await server.admin.reload({ definitions: true, waitMs: 20_000 });
    reloads += 1;
  }
  await allSeen;
  expect(reloads).toBeGreaterThan(0);
});
