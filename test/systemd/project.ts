import type { Machine } from './machine.js';

const CALL = (name: string) =>
  JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name, arguments: {} } });

/** A project in /opt/mxcp that belongs to the user mxcp, with a secret that a reload reads again. */
export async function installProject(machine: Machine): Promise<void> {
  await machine.install('deploy/systemd/sysusers.d/mxcp.conf', '/etc/sysusers.d/mxcp.conf');
  await machine.install('deploy/systemd/tmpfiles.d/mxcp.conf', '/etc/tmpfiles.d/mxcp.conf');
  await machine.succeed('systemd-sysusers && systemd-tmpfiles --create mxcp.conf');
  await machine.succeed('useradd -m -G mxcp-admin alice && useradd -m bob');
  const { write } = { write: machine.write.bind(machine) };
  await write('/opt/mxcp/mxcp-site.yml', 'mxcp: 1\nproject: shop\nprofile: dev\nsecrets: [feed]\n');
  await write('/opt/mxcp/tools/quick.yml', 'mxcp: 1\ntool:\n  name: quick\n  source: { code: SELECT 42 AS answer }\n');
  await write(
    '/opt/mxcp/tools/slow.yml',
    'mxcp: 1\ntool:\n  name: slow\n  source: { code: "SELECT sum(hash(a.range + b.range)) AS n FROM range(100000000) a, range(100000) b" }\n',
  );
  await write(
    '/var/lib/mxcp/.mxcp/config.yml',
    'mxcp: 1\nprojects:\n  shop:\n    profiles:\n      dev:\n        secrets:\n          - { name: feed, type: http, parameters: { BEARER_TOKEN: "file:///etc/mxcp/token" } }\n',
  );
  await putToken(machine);
  await machine.succeed('chown -R mxcp:mxcp /opt/mxcp /var/lib/mxcp && chmod 750 /var/lib/mxcp');
}

export function putToken(machine: Machine): Promise<void> {
  return machine.write('/etc/mxcp/token', 'a-token-of-some-length\n');
}

/** A reload after this fails. */
export async function removeToken(machine: Machine): Promise<void> {
  await machine.succeed('rm /etc/mxcp/token');
}

/** A shell command that calls a tool over MCP. */
export function callOf(tool: string): string {
  return `curl -sS -m 60 -H 'Content-Type: application/json' -d '${CALL(tool)}' http://localhost:8000/mcp`;
}

export async function waitUntilReady(machine: Machine): Promise<void> {
  await machine.until(
    'curl -s -o /dev/null -w "%{http_code}" --unix-socket /run/mxcp/mxcp.sock http://localhost/readyz',
    ({ output }) => output === '200',
  );
}

interface Status {
  readonly generation: number;
  readonly pid: number;
  readonly reload: { readonly last_reload_status: string | null; readonly active_requests: number };
  readonly admin_socket: { readonly mode: string };
}

export async function statusOf(machine: Machine): Promise<Status> {
  // What the contract lists.
  return JSON.parse(
    await machine.succeed('curl -s --unix-socket /run/mxcp/mxcp.sock http://localhost/status'),
  ) as Status;
}
