import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Caller, toCaller } from '../../../src/caller/index.js';
import { Disposer } from '../../../src/lifecycle/index.js';
import type { ObservedCall } from '../../../src/telemetry/index.js';
import { CallLog, explainPolicies, runEndpoint, toExplained } from '../../../src/endpoints/index.js';
import { createLogger, Scrubber } from '../../../src/logging/index.js';
import { foldersOf, openProject } from '../../kit/projects/endpoint-project.js';
import { EMPLOYEES } from './employee-endpoint.js';
import { TemporaryProject } from '../../kit/projects/temporary-project.js';

const guest = toCaller({ role: 'guest' });
const admin = toCaller({ username: 'ada', role: 'admin', permissions: ['hr.read'] });

describe('policies of endpoints', () => {
  let disposer: Disposer;

  beforeEach(() => {
    disposer = new Disposer();
  });
  afterEach(() => disposer.dispose());

  async function open(files: Readonly<Record<string, readonly string[]>>) {
    const project = new TemporaryProject(files);
    disposer.defer(() => Promise.resolve(project[Symbol.dispose]()));
    const ended: ObservedCall[] = [];
    const lines: Record<string, unknown>[] = [];
    const sinks = [(line: string) => void lines.push(JSON.parse(line))];
    const logger = createLogger({ level: 'debug', format: 'json', scrubber: new Scrubber(), sinks });
    const log = disposer.own(new CallLog(logger, { callEnded: (call) => void ended.push(call) }));
    return { ...(await openProject(foldersOf(project.root), disposer, { log })), ended, lines };
  }

  const employees = (...policies: string[]) =>
    open({ 'tools/employees.yml': [...EMPLOYEES, '  policies:', ...policies] });
  const as = (caller: Caller) => ({ caller, signal: new AbortController().signal });

  it('deny a call before anything runs, with the reason and the id of the decision', async () => {
    const { calls, ended } = await employees(
      '    input:',
      '      - { condition: \'user.role == "guest"\', action: deny, reason: Guests see no employees }',
    );
    await expect(calls.callTool('employees', {}, as(admin))).resolves.toMatchObject({ shape: 'array' });
    const error = await calls.callTool('employees', {}, as(guest)).catch((thrown: unknown) => thrown);
    const [allowed, denied] = ended;
    expect(allowed?.decision).toMatchObject({ decision: 'allow', reason: null, policies: ['input[0]'] });
    expect(denied?.decision).toMatchObject({ decision: 'deny', reason: 'Guests see no employees' });
    expect(error).toMatchObject({
      code: 'policy_denied',
      message: `Policy enforcement failed: Guests see no employees (decision ${denied?.decision?.id})`,
    });
  });

  it('read the arguments with their defaults, and null for those that are left out', async () => {
    const { calls } = await employees(
      '    input:',
      '      - { condition: \'region == null && user.role == "guest"\', action: deny, reason: name a region }',
      "      - { condition: 'amount > 100', action: deny }",
    );
    await expect(calls.callTool('employees', { region: 'eu' }, as(guest))).resolves.toBeDefined();
    await expect(calls.callTool('employees', {}, as(guest))).rejects.toThrow('name a region');
    await expect(calls.callTool('employees', { amount: '101' }, as(admin))).rejects.toThrow(
      /^Policy enforcement failed: Access denied by policy \(decision [0-9a-f-]{36}\)$/,
    );
    await expect(calls.callTool('employees', { amount: '9007199254740993' }, as(admin))).rejects.toThrow('denied');
  });

  it('deny where a condition cannot be evaluated, and say why only in the log', async () => {
    const { calls, lines, ended } = await employees(
      '    input:',
      '      - { condition: \'user.email.endsWith("@example.com")\', action: deny, reason: wrong company }',
    );
    await expect(calls.callTool('employees', {}, as(guest))).rejects.toThrow(/wrong company \(decision [^)]+\)$/);
    const id = ended[0]?.decision?.id;
    expect(lines.find(({ level }) => level === 'warn')).toMatchObject({
      code: 'policy_denied',
      decision: id,
      policy: 'input[0]',
      place: 'tools/employees.yml:22:11',
      msg: expect.stringContaining("input[0] could not be evaluated: found no matching overload for 'endsWith'"),
    });
  });

  it('log a denial at info, with the rule and its place', async () => {
    const { calls, lines } = await employees(
      '    input:',
      '      - { condition: \'user.role == "guest"\', action: deny }',
    );
    await expect(calls.callTool('employees', {}, as(guest))).rejects.toThrow();
    expect(lines).toContainEqual(
      expect.objectContaining({
        level: 'info',
        code: 'policy_denied',
        policy: 'input[0]',
        place: 'tools/employees.yml:22:11',
      }),
    );
  });

  it('only report with `enforce: log` what they would have done', async () => {
    const { calls, ended, lines } = await employees(
      '    enforce: log',
      '    input:',
      '      - { condition: \'user.role == "guest"\', action: deny, reason: Guests see no employees }',
      '    output:',
      '      - { condition: \'user.role == "guest"\', action: filter_fields, fields: [salary] }',
    );
    const result = await calls.callTool('employees', {}, as(guest));
    expect(result).toMatchObject({ items: [{ salary: 10.5 }] });
    expect(ended[0]?.decision).toMatchObject({
      decision: 'warn',
      reason: 'would be denied: Guests see no employees',
      policies: ['input[0]', 'output[0]'],
      onlyLogged: ['input[0]', 'output[0]'],
    });
    expect(lines).toContainEqual(
      expect.objectContaining({
        level: 'info',
        decision: ended[0]?.decision?.id,
        only_logged: ['input[0]', 'output[0]'],
      }),
    );
  });

  it('let a rule be enforced while the others are only logged', async () => {
    const { calls } = await employees(
      '    enforce: log',
      '    input:',
      '      - { condition: \'user.role == "guest"\', action: deny, reason: first }',
      '      - { condition: \'user.role == "guest"\', action: deny, reason: second, enforce: on }',
    );
    await expect(calls.callTool('employees', {}, as(guest))).rejects.toThrow('second');
  });

  it('remove, mask and hide fields of each row, whatever the case of their names', async () => {
    const { calls, ended } = await employees(
      '    output:',
      '      - { condition: \'user.role != "admin"\', action: filter_fields, fields: [ID] }',
      '      - { condition: \'user.role != "admin"\', action: mask_fields, fields: [name] }',
      '      - { condition: \'!("hr.read" in user.permissions)\', action: filter_sensitive_fields }',
    );
    const full = { id: 1, name: 'Ada', salary: 10.5, home: { zip: '12345', city: 'Bern' }, region: null, amount: 1 };
    expect(await calls.callTool('employees', {}, as(admin))).toMatchObject({ items: [full] });
    const filtered = await calls.callTool('employees', {}, as(guest));
    const shown = { name: '****', home: { city: 'Bern' }, region: null, amount: 1 };
    expect(filtered).toMatchObject({ items: [shown], texts: [JSON.stringify(shown)] });
    expect(filtered.bytes).toBe(JSON.stringify(shown).length);
    expect(ended.at(-1)?.decision).toMatchObject({ decision: 'warn', reason: 'Output modified by filter_fields' });
  });

  it('change long lists, whose items are kept only as text', async () => {
    const { calls } = await open({
      'tools/many.yml': [
        'mxcp: 1',
        'tool:',
        '  name: many',
        '  source: { code: \'SELECT i AS id, i AS "2", i AS pin FROM range(5000) t(i)\' }',
        '  policies:',
        '    output:',
        '      - { condition: "response.size() == 5000", action: filter_fields, fields: [pin] }',
      ],
    });
    const { texts } = await calls.callTool('many', {}, as(guest));
    expect([...texts].slice(0, 2)).toEqual(['{"id":0,"2":0}', '{"id":1,"2":1}']);
    expect([...texts].join('')).not.toContain('pin');
  });

  it('block an answer by what is in it', async () => {
    const { calls } = await employees(
      '    output:',
      "      - { condition: 'response.exists(row, row.salary > 10)', action: deny, reason: too much }",
    );
    await expect(calls.callTool('employees', {}, as(admin))).rejects.toThrow(
      /^Output policy enforcement failed: too much \(decision /,
    );
  });

  it('filter and mask where a condition cannot be evaluated', async () => {
    const { calls, lines } = await employees(
      '    output:',
      "      - { condition: 'user.email.size() > 3', action: filter_fields, fields: [salary] }",
    );
    const result = await calls.callTool('employees', {}, as(guest));
    expect([...result.texts].join('')).not.toContain('salary');
    expect(lines).toContainEqual(
      expect.objectContaining({
        level: 'warn',
        failed_policies: { 'output[0]': expect.stringContaining('no matching overload') },
      }),
    );
  });

  it('block an answer whose fields cannot be removed', async () => {
    const { calls } = await open({
      'tools/list.yml': [
        'mxcp: 1',
        'tool:',
        '  name: list',
        '  return: { type: object }',
        '  source: { code: "SELECT 1 AS a, 2 AS b" }',
        '  policies:',
        '    output: [{ condition: \'user.role == "guest"\', action: filter_fields, fields: [a] }]',
      ],
    });
    const answer = await calls.callTool('list', {}, as(guest));
    expect(answer).toMatchObject({ shape: 'object', value: { b: 2 }, texts: ['{\n  "b": 2\n}'] });
  });

  it('guard resources and prompts', async () => {
    const { calls, endpoints, database } = await open({
      'resources/note.yml': [
        'mxcp: 1',
        'resource:',
        '  uri: notes://{id}',
        '  parameters: [{ name: id, type: integer }]',
        '  source: { code: SELECT $id AS id }',
        '  policies: { input: [{ condition: id > 5, action: deny, reason: not yours }] }',
      ],
      'prompts/ask.yml': [
        'mxcp: 1',
        'prompt:',
        '  name: ask',
        '  parameters: [{ name: topic, type: string }]',
        '  messages: [{ prompt: "Tell me about {{ topic }}" }]',
        '  policies:',
        '    input: [{ condition: topic == "money", action: deny, reason: not that }]',
        '    output: [{ condition: \'response.exists(m, m.prompt.contains("secret"))\', action: deny, reason: no secrets }]',
      ],
    });
    await expect(calls.readResource('notes://5', as(guest))).resolves.toMatchObject({ uri: 'notes://5' });
    await expect(calls.readResource('notes://6', as(guest))).rejects.toMatchObject({ code: 'policy_denied' });
    await expect(calls.getPrompt('ask', { topic: 'cats' }, as(guest))).resolves.toHaveLength(1);
    await expect(calls.getPrompt('ask', { topic: 'money' }, as(guest))).rejects.toThrow('not that');
    await expect(calls.getPrompt('ask', { topic: 'a secret' }, as(guest))).rejects.toThrow('no secrets');
    // As `mxcp run` and `mxcp test` call them.
    const run = { kind: 'prompt', name: 'ask', parameters: { topic: 'money' }, context: as(guest) } as const;
    await expect(
      runEndpoint({ endpoints, database, python: undefined }, run, { callTimeoutMs: 5000, maxResultBytes: 1000 }),
    ).rejects.toMatchObject({ code: 'policy_denied' });
  });

  it('decide which endpoints a caller finds in lists', async () => {
    const tool = (name: string, condition: string) => [
      'mxcp: 1',
      'tool:',
      `  name: ${name}`,
      '  parameters: [{ name: string, type: string, default: null }]',
      '  source: { code: SELECT $string AS s }',
      `  policies: { input: [{ condition: '${condition}', action: deny }] }`,
    ];
    const { calls } = await open({
      'tools/a.yml': tool('for_admins', 'user.role != "admin"'),
      'tools/b.yml': tool('by_argument', 'string == "x"'),
      'tools/c.yml': tool('guests_never', 'user.role == "guest" || string == "x"'),
      'tools/d.yml': tool('broken_for_guests', 'user.email.size() == 0'),
      'tools/e.yml': [
        ...tool('logged', 'user.role == "guest"').slice(0, -1),
        '  policies: { enforce: log, input: [{ condition: \'user.role == "guest"\', action: deny }] }',
      ],
    });
    const namesFor = (caller: Caller) => calls.endpoints.listingsFor(caller).tools.map(({ name }) => name);
    const own = (names: readonly string[]) => names.filter((name) => !/^(execute|list|get)_/.test(name));
    expect(own(namesFor(guest))).toEqual(['by_argument', 'logged']);
    expect(own(namesFor(toCaller({ role: 'admin', email: 'a@b' })))).toEqual([
      'for_admins',
      'by_argument',
      'guests_never',
      'broken_for_guests',
      'logged',
    ]);
  });

  it('can be explained without a call, with what each condition reads', async () => {
    const { endpoints, catalog } = await employees(
      '    input:',
      '      - { condition: \'region == "eu" && user.role == "guest"\', action: deny, reason: not from here }',
      "      - { condition: 'user.email.size() > 3', action: deny, enforce: log }",
      '    output:',
      "      - { condition: 'response.exists(row, row.salary > 10)', action: deny, reason: too much }",
    );
    const [definition] = catalog.endpoints;
    if (definition === undefined) throw new Error('no endpoint');
    const explain = (region: string | undefined, response?: unknown) =>
      explainPolicies(endpoints, {
        definition: toExplained(definition),
        caller: guest,
        parameters: region === undefined ? {} : { region },
        response: response === undefined ? undefined : { value: response },
      });
    expect(explain('eu')).toMatchObject({
      decision: 'deny',
      reason: 'not from here',
      decidedBy: 'input[0]',
      rules: [
        {
          rule: 'input[0]',
          place: 'tools/employees.yml:22:11',
          result: 'applies',
          values: { region: 'eu', 'user.role': 'guest' },
        },
        { rule: 'input[1]', enforce: 'log', result: 'not evaluated', values: { 'user.email': null } },
        { rule: 'output[0]', result: 'not evaluated', values: {} },
      ],
    });
    expect(explain(undefined, [{ salary: 11 }])).toMatchObject({
      decidedBy: 'output[0]',
      rules: [
        { result: 'does not apply', values: { region: null } },
        { result: 'failed', error: expect.stringContaining('no matching overload') },
        { result: 'applies', values: { response: [{ salary: 11 }] } },
      ],
    });
    expect(explain(undefined, [{ salary: 9 }])).toMatchObject({ decision: 'allow', decidedBy: null });
    const scoped = { ...toExplained(definition), scopes: ['hr.read', 'hr.write'] };
    const caller = { ...guest, scopes: ['hr.read'] };
    expect(explainPolicies(endpoints, { definition: scoped, caller, parameters: {} })).toMatchObject({
      decision: 'deny',
      reason: 'the access token lacks hr.write',
      decidedBy: 'scopes',
      scopes: { needed: ['hr.read', 'hr.write'], missing: ['hr.write'] },
    });
  });

  it('tell clients in the schema of a result what may be missing or masked', async () => {
    const { calls } = await employees(
      '    output:',
      '      - { condition: \'user.role != "admin"\', action: filter_fields, fields: [name] }',
      '      - { condition: \'user.role != "admin"\', action: mask_fields, fields: [id] }',
      '      - { condition: \'user.role != "admin"\', action: filter_sensitive_fields }',
    );
    const [listing] = calls.endpoints.listings.tools.filter(({ name }) => name === 'employees');
    const row = JSON.stringify(listing?.outputSchema);
    expect(row).toContain('"required":["id"]');
    expect(row).not.toContain('"id":{');
  });
});
