/**
 * Every statement of the users' document about the admin socket that a test can hold us to, in our own words. A test
 * that shows one names it with `verifies(id)`; `requirements.test.ts` fails when no test does.
 */
export const REQUIREMENTS = {
  'SEED-SWITCH-ENV': 'MXCP_ADMIN_ENABLED=true and MXCP_ADMIN_SOCKET make `mxcp serve` open the socket at that path',
  'SEED-SWITCH-OFF': 'without being asked for there is no socket',
  'SEED-SWITCH-DEFAULT': 'the path is /run/mxcp/mxcp.sock unless another is given',
  'SEED-LOCAL-ONLY': 'the API is on a Unix socket and on no network address',
  'SEED-MODE': 'the socket is created with mode 0600',
  'SEED-MODE-LS': '`ls -la` shows it as srw------- with owner and group',
  'SEED-OWNER-ONLY': 'another user cannot use it',
  'SEED-GROUP-ACCESS': 'chmod 0660 and chgrp let a group in',

  'SEED-HEALTH': 'GET /health answers 200 with status ok',
  'SEED-HEALTH-TIME': 'its timestamp is UTC to the second, with Z',
  'SEED-HEALTH-CURL': 'curl --unix-socket reads /health',

  'SEED-STATUS-CURL': 'curl --unix-socket reads /status',
  'SEED-STATUS-STATUS': 'status is ok while the server is well',
  'SEED-STATUS-VERSION': 'version is that of mxcp',
  'SEED-STATUS-UPTIME': 'uptime is readable: hours, minutes and seconds',
  'SEED-STATUS-UPTIME-SECONDS': 'uptime_seconds says the same as a number',
  'SEED-STATUS-PID': 'pid is that of the server process',
  'SEED-STATUS-PROFILE': 'profile is the active one',
  'SEED-STATUS-MODE': 'mode is readwrite or readonly, as the database is',
  'SEED-STATUS-DEBUG': 'debug says whether debug mode is on',
  'SEED-STATUS-ENDPOINTS': 'endpoints counts tools, prompts and resources',
  'SEED-STATUS-RELOAD': 'reload has in_progress, draining and active_requests',
  'SEED-STATUS-LAST-RELOAD': 'reload has the time of the last reload, UTC to the second',
  'SEED-STATUS-LAST-RELOAD-STATUS': 'reload says success after a good reload and error after a failed one',

  'SEED-RELOAD': 'POST /reload answers at once with status reload_initiated',
  'SEED-RELOAD-TIME': 'its timestamp is UTC to the second, with Z',
  'SEED-RELOAD-ID': 'it hands out a request id, another one each time',
  'SEED-RELOAD-MESSAGE': 'its message points to GET /status',
  'SEED-RELOAD-PROGRESS': 'GET /status shows how it went',
  'SEED-RELOAD-CURL': 'curl -X POST triggers it',
  'SEED-RELOADS-FILES': 'file:// references are read again',
  'SEED-RELOADS-ENVIRONMENT': 'environment references are resolved again',
  'SEED-RELOADS-DUCKDB': 'DuckDB connections and secrets are renewed',
  'SEED-RELOADS-VAULT': 'Vault secrets are read again, and a Vault that is down changes nothing',
  'SEED-RELOADS-PYTHON': 'Python code, its hooks, its environment and its configuration are fresh',
  'SEED-KEEPS-STRUCTURE': 'the structure of the configuration files is not applied by a reload',
  'SEED-KEEPS-OAUTH': 'OAuth settings are not applied by a reload, which reports that they need a restart',
  'SEED-KEEPS-ADDRESS': 'host and port are not applied by a reload',
  'SEED-KEEPS-DEFINITIONS': 'endpoint definitions are not applied by a reload',

  'SEED-CONFIG-CURL': 'curl --unix-socket reads /config',
  'SEED-CONFIG-PROJECT': 'project is the name of the project',
  'SEED-CONFIG-PROFILE': 'profile is the active one',
  'SEED-CONFIG-DUCKDB': 'duckdb has path and readonly',
  'SEED-CONFIG-EXTENSIONS': 'extensions lists names',
  'SEED-CONFIG-ENDPOINTS': 'endpoints lists names of tools and prompts and URIs of resources',
  'SEED-CONFIG-REDACTED': 'no secret and no credential is in it',

  'SEED-CLIENT-BASH': 'the Bash client prints health, uptime, tools and the reload',
  'SEED-CLIENT-PYTHON': 'the Python client prints status, uptime, endpoints and the reload',
  'SEED-MONITOR-OK': 'check-mxcp.sh exits 0 and names version, uptime and tools',
  'SEED-MONITOR-NO-SOCKET': 'check-mxcp.sh exits 2 when there is no socket',
  'SEED-MONITOR-NO-CONNECTION': 'check-mxcp.sh exits 2 when no process listens',
  'SEED-MONITOR-DEGRADED': 'check-mxcp.sh exits 1 when the status is not ok',
  'SEED-MONITOR-RELOAD': 'check-mxcp.sh exits 1 when the last reload failed',

  'SEED-COMPOSE': 'the compose file with its environment and shared folder works',
  'SEED-COMPOSE-HEALTHCHECK':
    'the health check of the compose file passes while the server is up and fails when it is not',
  'SEED-UNIT': 'the environment and ExecStart of the unit open the socket',
  'SEED-UNIT-RUNTIME-FOLDER': 'a folder with mode 0755 that exists is used and left as it is',
  'SEED-UNIT-HANGUP': 'kill -HUP of the main process reloads',
  'SEED-UNIT-RESTART': 'a start that fails exits with a code other than 0, an orderly end with 0',

  'SEED-TROUBLE-ENV': '`env | grep MXCP_ADMIN` shows whether it was asked for',
  'SEED-TROUBLE-LOG': '`journalctl -u mxcp | grep admin` finds the line about the socket',
  'SEED-TROUBLE-PERMISSION': 'a user without permission is refused, the owner is let in',
  'SEED-TROUBLE-REFUSED': 'a socket without a listener refuses the connection, `test -S` still sees it',
  'SEED-TROUBLE-LSOF': '`lsof -U | grep mxcp` finds the listening process',
  'SEED-TROUBLE-RELOAD': "`jq '.reload'` of the status shows how the last reload ended",
  'SEED-TROUBLE-RELOAD-LOG': 'the log of the last minutes has the error of a failed reload',
} as const;

export type RequirementId = keyof typeof REQUIREMENTS;

/** For the name of a test: `it(verifies('SEED-HEALTH', 'answers while …'), …)`. Throws for an unknown id. */
export function verifies(ids: RequirementId | readonly RequirementId[], behaviour: string): string {
  const list = typeof ids === 'string' ? [ids] : ids;
  const unknown = list.filter((id) => !Object.hasOwn(REQUIREMENTS, id));
  if (unknown.length > 0) throw new Error(`unknown requirement: ${unknown.join(', ')}`);
  return `${behaviour} [${list.join(' ')}]`;
}
