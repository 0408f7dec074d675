import type { Status } from '../../../admin/client/index.js';
import { plural } from '../../../errors/index.js';
import { connectAdmin, printChecks } from '../../kit/admin-output.js';
import type { CommandModule } from '../../kit/command.js';
import { printFields } from '../../kit/output.js';

export { toErrorJson, toExitCode } from '../../kit/admin-output.js';

/** Answers 1 when the server says that it is degraded. */
export const run: CommandModule['run'] = async (_args, options, context) => {
  const status = await connectAdmin(options, context).status();
  if (options['json'] === true) {
    context.output.json(status);
  } else {
    printFields(context.output, toFields(status));
    if (status.status !== 'ok') printChecks(context.output, status.checks);
  }
  return status.status === 'ok' ? 0 : 1;
};

function toFields(status: Status): [string, string][] {
  const { endpoints, admin_socket: socket } = status;
  return [
    ['status', status.status],
    ['version', status.version],
    ['uptime', `${status.uptime} (since ${status.started_at})`],
    ['pid', String(status.pid)],
    ['profile', `${status.profile} (${status.mode})`],
    ['generation', String(status.generation)],
    ['endpoints', formatCounts(endpoints)],
    ['calls running', String(status.reload.active_requests)],
    ...toPython(status),
    ['last reload', formatLastReload(status.reload)],
    ['reload now', formatReloadNow(status.reload)],
    ...status.background.map(
      (report) => [report.name, `${report.status}: ${report.message}`] satisfies [string, string],
    ),
    ['admin socket', `${socket.path} (${socket.mode})`],
    ...(socket.probe_path === null ? [] : [['probe socket', socket.probe_path] satisfies [string, string]]),
  ];
}

/** Only where the project has Python code. */
function toPython({ checks }: Status): [string, string][] {
  return checks.flatMap(({ name, message }) => (name === 'python' ? [[name, message]] : []));
}

function formatLastReload(reload: Status['reload']): string {
  if (reload.last_reload === null) return 'none since the start';
  const outcome = `${reload.last_reload_status} at ${reload.last_reload}`;
  return reload.last_reload_error === null ? outcome : `${outcome}: ${reload.last_reload_error}`;
}

function formatReloadNow(reload: Status['reload']): string {
  const state = reload.in_progress ? 'running' : 'no';
  return reload.queued > 0 ? `${state}, ${reload.queued} waiting` : state;
}

function formatCounts({ tools, resources, prompts }: Status['endpoints']): string {
  return [plural(tools, 'tool'), plural(resources, 'resource'), plural(prompts, 'prompt')].join(', ');
}
