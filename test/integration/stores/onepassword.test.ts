import { describe, expect, it } from 'vitest';
import { compareReferences, type ResolvedConfig } from '../../../src/config/index.js';
import { tlsFile, type Fault } from '../../kit/loopback-server.js';
import { ConnectServer } from '../../kit/connect-server.js';
import { StoreProject, type References } from '../../kit/projects/store-project.js';

const TOKEN = 'connect-token-123456';

async function openConnect(...options: ConstructorParameters<typeof ConnectServer> | []): Promise<ConnectServer> {
  const [token = TOKEN, more] = options;
  const connect = new ConnectServer(token, more);
  connect.put('Team', 'Data Base', [
    { id: 'password', label: 'password', value: 'field-word-1' },
    { id: 'f2', label: 'host', value: 'db.internal', section: 'Network' },
    { id: 'f3', label: 'password', value: 'admin-word-1', section: 'Admin' },
    {
      id: 'f4',
      label: 'one-time password',
      type: 'OTP',
      value: 'otpauth://totp/x?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ',
      totp: '123456',
    },
    { id: 'f5', label: 'code', type: 'OTP', value: 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ' },
    { id: 'f6', label: 'empty' },
  ]);
  return connect.listen();
}

function projectOf(connect: ConnectServer, references: References, more: readonly string[] = []): StoreProject {
  const project = new StoreProject();
  project.env['OP_CONNECT_TOKEN'] = TOKEN;
  const section = [
    'onepassword:',
    '  enabled: true',
    `  connect_host: ${connect.address}`,
    ...more.map((line) => `  ${line}`),
  ];
  return project.write(section, references);
}

describe('a reference to a Connect server', () => {
  it.each(['12345678901234567890', '1.10'])('gives the number %s with the digits that are stored', async (stored) => {
    await using connect = await openConnect();
    const { itemId } = connect.put('Team', 'Other', [{ id: 'x', value: '' }]);
    const text = `{"id":"${itemId}","fields":[{"id":"x","value":${stored}}]}`;
    connect.fail({ kind: 'text', text }, { on: new RegExp(`items/${itemId}$`) });
    await using project = projectOf(connect, { X: 'op://Team/Other/x' });
    expect(await project.values()).toEqual({ X: stored });
  });

  it('is read by names, in any case, by section, and by id, with the version of the item', async () => {
    await using connect = await openConnect();
    const { vaultId, itemId } = connect.put('Team', 'Other', [{ id: 'x', label: 'x', value: 'other-word' }]);
    await using project = projectOf(connect, {
      A: 'op://Team/Data Base/password',
      B: 'op://Team/Data Base/PASSWORD',
      C: 'op://Team/Data Base/admin/password',
      D: 'op://Team/Data Base/host',
      E: `op://${vaultId}/${itemId}/x`,
    });
    expect(await project.values()).toEqual({
      A: 'field-word-1',
      B: 'field-word-1',
      C: 'admin-word-1',
      D: 'db.internal',
      E: 'other-word',
    });
    connect.put('Team', 'Other', [{ id: 'x', label: 'x', value: 'new-word' }]);
    const { references } = await project.resolve();
    expect(references.find(({ ref }) => ref.endsWith('/x'))).toMatchObject({ source: 'onepassword', version: '2' });
  });

  it('takes one request for each vault and two for each item', async () => {
    await using connect = await openConnect();
    await using project = projectOf(connect, {
      A: 'op://Team/Data Base/password',
      B: 'op://Team/Data Base/host',
      C: 'op://Team/Data Base/Admin/password',
    });
    await project.values();
    expect(connect.requests.map(({ path }) => path.replaceAll(/0{5,}/g, '…'))).toEqual([
      '/v1/vaults',
      '/v1/vaults/v…1/items',
      '/v1/vaults/v…1/items/i…2',
    ]);
  });

  it('with `attribute=otp` gives the code, or computes it', async () => {
    await using connect = await openConnect();
    await using project = projectOf(connect, {
      GIVEN: 'op://Team/Data Base/one-time password?attribute=otp',
      COMPUTED: 'op://Team/Data Base/code?attribute=otp',
    });
    const { GIVEN, COMPUTED } = await project.values();
    expect(GIVEN).toBe('123456');
    expect(COMPUTED).toMatch(/^\d{6}$/);
    project.write(['onepassword:', '  enabled: true', `  connect_host: ${connect.address}`], {
      A: 'op://Team/Data Base/password?attribute=otp',
    });
    expect((await project.failures())[0]).toMatch(
      /the field "password": the key of the one-time password is not base 32/,
    );
  });

  it('with `attribute=otp` counts as changed when its key or the item changes, not when the code does', async () => {
    await using connect = await openConnect();
    await using project = projectOf(connect, {
      A: 'op://Team/Login/keyed?attribute=otp',
      B: 'op://Team/Login/keyless?attribute=otp',
    });
    const put = (key: string, code: string) =>
      connect.put('Team', 'Login', [
        { id: 'k', label: 'keyed', type: 'OTP', value: key, totp: code },
        { id: 'n', label: 'keyless', type: 'OTP', totp: code },
      ]);
    const outcomes = async () => {
      const before = await project.resolve();
      return (after: ResolvedConfig) =>
        compareReferences(before.references, after.references).map(({ outcome }) => outcome);
    };
    put('GEZDGNBVGY3TQOJQ', '111111');
    const since = await outcomes();
    put('GEZDGNBVGY3TQOJQ', '222222');
    expect(since(await project.resolve())).toEqual(['unchanged', 'changed']);
    expect(await project.values()).toEqual({ A: '222222', B: '222222' });
    put('GEZDGNBVGY3TQOJA', '222222');
    expect(since(await project.resolve())).toEqual(['changed', 'changed']);
  });

  it('comes over TLS with the CA file', async () => {
    await using connect = await openConnect(TOKEN, { certificate: 'server' });
    await using project = projectOf(connect, { A: 'op://Team/Data Base/password' });
    expect((await project.failures())[0]).toMatch(/issuer that is not trusted here; set `ca_cert`/);
    await using trusting = projectOf(connect, { A: 'op://Team/Data Base/password' }, [`ca_cert: ${tlsFile('ca')}`]);
    expect(await trusting.values()).toEqual({ A: 'field-word-1' });
  });

  it.each([
    ['op://Missing/x/y', /has no vault "Missing" that its token may see/],
    ['op://Team/None/y', /there is no item "None" in the vault "Team"/],
    [
      'op://Team/Data Base/none',
      /the item "Data Base" has no field "none"; its fields are "password", "Network\/host", "Admin\/password"/,
    ],
    ['op://Team/Data Base/Network/none', /has no field "none" in the section "Network"/],
    ['op://Team/Twice/x', /there are 2 items "Twice" in the vault "Team"; use the id instead/],
    ['op://Team/Same/x', /has more than one field "x"; add the section/],
    ['op://Team/Data Base/empty?attribute=otp', /the field "empty" has no one-time password/],
  ])('to %s says what exists instead', async (reference, says) => {
    await using connect = await openConnect();
    connect.addItem('Team', 'Twice', []);
    connect.addItem('Team', 'Twice', []);
    connect.addItem('Team', 'Same', [
      { id: 'a', label: 'x', value: 'one-word', section: 'A' },
      { id: 'b', label: 'x', value: 'other-word', section: 'B' },
    ]);
    await using project = projectOf(connect, { A: reference });
    const [reason = ''] = await project.failures();
    expect(reason).toMatch(says);
    expect(reason).not.toMatch(/-word/);
  });

  const status = (code: number, headers: Record<string, string> = {}): Fault => ({
    kind: 'reply',
    reply: { status: code, headers, body: { status: code, message: `no ${TOKEN}` } },
  });

  it.each<[string, Fault, RegExp]>([
    [
      '401',
      status(401),
      /answered 401 to GET \/vaults.* \(no \[secret\]\); it rejected the token from OP_CONNECT_TOKEN: replace it/,
    ],
    [
      '403',
      status(403),
      /answered 403 .*the token from OP_CONNECT_TOKEN lacks permission: give it access to the vault/,
    ],
    ['429', status(429, { 'Retry-After': '60' }), /answered 429 .*asks to wait 60 s/],
    ['500', status(500), /answered 500 .*see its log/],
    [
      'garbage',
      { kind: 'text', text: '<html>' },
      /gave an unexpected answer to GET .*; check that `onepassword.connect_host` is a Connect server/,
    ],
    ['silence', { kind: 'silent' }, /did not answer in time/],
    ['a cut', { kind: 'cut' }, /in the middle of the answer/],
  ])('fails in time and says what to do after %s', async (_name, fault, says) => {
    await using connect = await openConnect();
    await using project = projectOf(connect, { A: 'op://Team/Data Base/password' });
    project.resolveTimeout = '1s';
    connect.fail(fault);
    const begun = performance.now();
    const [reason = ''] = await project.failures();
    expect(performance.now() - begun).toBeLessThan(6_000);
    expect(reason).toMatch(says);
    expect(reason).not.toContain(TOKEN);
    connect.heal();
    expect(await project.values()).toEqual({ A: 'field-word-1' });
  });

  it('says when it is switched off or has no token', async () => {
    await using project = new StoreProject();
    const failure = async (section: readonly string[]): Promise<readonly string[]> =>
      project.write(section, { A: 'op://v/i/f' }).failures();
    expect(await failure([])).toEqual(['1Password is not enabled; set `onepassword.enabled` to true']);
    expect(await failure(['onepassword: { enabled: true }'])).toEqual([
      'the token of a 1Password service account is missing: set `OP_SERVICE_ACCOUNT_TOKEN` in an env file or in the environment, or set `onepassword.connect_host` for a Connect server',
    ]);
    expect(await failure(['onepassword: { enabled: true, connect_host: "http://localhost" }'])).toEqual([
      'the token of the 1Password Connect server is missing: set `OP_CONNECT_TOKEN` in an env file or in the environment',
    ]);
  });
});

describe('a reference to a service account', () => {
  const ACCOUNT = 'ops_service-account-token';

  /** The part of the package that mxcp uses; the package itself only talks to 1password.com. */
  function sdk(answers: Readonly<Record<string, string>>) {
    const asked: string[] = [];
    let logins = 0;
    const load = () =>
      Promise.resolve({
        createClient: ({ auth }: { readonly auth: string }) => {
          logins += 1;
          if (auth !== ACCOUNT) return Promise.reject(new Error(`invalid token ${auth}`));
          return Promise.resolve({
            secrets: {
              resolve: (reference: string) => {
                asked.push(reference);
                const answer = answers[reference];
                return answer === undefined
                  ? Promise.reject(new Error(`no item matched ${reference} for ${ACCOUNT}`))
                  : Promise.resolve(answer);
              },
            },
          });
        },
      });
    return { load, asked, logins: () => logins };
  }

  const section = ['onepassword:', '  enabled: true'];

  it('is read with the 1Password package and one login for all resolves', async () => {
    const account = sdk({ 'op://v/i/f': 'account-word', 'op://v/i/s/c?attribute=totp': '654321' });
    await using project = new StoreProject({ loadOnepasswordSdk: account.load });
    project.env['OP_SERVICE_ACCOUNT_TOKEN'] = ACCOUNT;
    project.write(section, { A: 'op://v/i/f', B: 'op://v/i/s/c?attribute=otp' });
    expect(await project.values()).toEqual({ A: 'account-word', B: '654321' });
    await project.values();
    expect(account.logins()).toBe(1);
    expect(account.asked).toHaveLength(4);
  });

  it('with `attribute=otp` never counts as changed, and is the code of the last resolve', async () => {
    const answers = { 'op://v/i/c?attribute=totp': '111111' };
    await using project = new StoreProject({ loadOnepasswordSdk: sdk(answers).load });
    project.env['OP_SERVICE_ACCOUNT_TOKEN'] = ACCOUNT;
    project.write(section, { A: 'op://v/i/c?attribute=otp' });
    const before = await project.resolve();
    answers['op://v/i/c?attribute=totp'] = '222222';
    const after = await project.resolve();
    expect(compareReferences(before.references, after.references)).toMatchObject([{ outcome: 'unchanged' }]);
    expect(await project.values()).toEqual({ A: '222222' });
  });

  it('does not wait for an earlier login that hangs', async () => {
    const account = sdk({ 'op://v/i/f': 'account-word' });
    let isDown = true;
    const load = async () => {
      const { createClient } = await account.load();
      const never = new Promise<never>(() => undefined);
      return { createClient: (options: { auth: string }) => (isDown ? never : createClient(options)) };
    };
    await using project = new StoreProject({ loadOnepasswordSdk: load });
    project.resolveTimeout = '200ms';
    project.env['OP_SERVICE_ACCOUNT_TOKEN'] = ACCOUNT;
    project.write(section, { A: 'op://v/i/f' });
    expect(await project.failures()).toHaveLength(1);
    isDown = false;
    expect(await project.values()).toEqual({ A: 'account-word' });
  });

  it('that fails says so without the token', async () => {
    const account = sdk({});
    await using project = new StoreProject({ loadOnepasswordSdk: account.load });
    project.write(section, { A: 'op://v/i/f' });
    project.env['OP_SERVICE_ACCOUNT_TOKEN'] = ACCOUNT;
    expect(await project.failures()).toEqual(['1Password cannot read this: no item matched op://v/i/f for [secret]']);
    project.env['OP_SERVICE_ACCOUNT_TOKEN'] = 'ops_wrong-token';
    expect(await project.failures()).toEqual([
      '1Password rejected the login with the token from OP_SERVICE_ACCOUNT_TOKEN: invalid token [secret]',
    ]);
  });

  it('says in one line that the package is not installed', async () => {
    await using project = new StoreProject();
    project.write(section, { A: 'op://v/i/f' });
    project.env['OP_SERVICE_ACCOUNT_TOKEN'] = ACCOUNT;
    expect(await project.failures()).toEqual([
      'the package `@1password/sdk` is not installed; run `npm install @1password/sdk`, or set `onepassword.connect_host` for a Connect server',
    ]);
  });
});
