import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pc from 'picocolors';
import { type MxcpError, toMxcpError } from '../../errors/index.js';
import { findProjectCode, type ProjectCode, waitForChange } from '../../server/index.js';
import type { ServerSettings } from '../../settings/index.js';
import type { CommandContext, CommandModule } from '../command/command.js';
import { loadProjectSettings } from '../command/project-loading.js';
import { withCodeFrames } from '../terminal/code-frame.js';
import { serveUntilStopped } from './serve.js';

/**
 * Serves a project while it is written: every change of its files is applied as a reload, and errors show their line of code. A
 * start that fails because of a file waits for a change and tries again.
 */
export const run: CommandModule['run'] = async (_args, options, context) => {
  const named = loadProjectSettings(options, context);
  const folder = mkdtempSync(join(tmpdir(), 'mxcp-dev-'));
  try {
    return await serveWhileEdited(
      { ...named, ...openOwnSocket(named, folder), watch: true, reloadDefinitions: true },
      context,
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
};

/** Other commands ask the server while it has the database open, so it has an admin socket unless it is switched off. */
function openOwnSocket({ admin, namedBy }: ServerSettings, folder: string): Partial<ServerSettings> {
  if (admin.enabled || namedBy.admin !== undefined) return {};
  return { admin: { ...admin, enabled: true, socketPath: join(folder, 'mxcp.sock') } };
}

async function serveWhileEdited(settings: ServerSettings, context: CommandContext): Promise<number> {
  const print = (text: string): void => context.output.writeError(withCodeFrames(text, settings.projectRoot));
  for (;;) {
    const found = await findProjectCode(settings);
    try {
      const onReady = (url: string | undefined): void => print(explainHowToTry(url, settings));
      return await serveUntilStopped(settings, context, { logSinks: [print], onReady });
    } catch (thrown) {
      const error = toMxcpError(thrown);
      if (!canBeEdited(error)) throw error;
      print(`${pc.red('Error:')} ${error.message}\n${pc.dim('waiting for a project file to change …')}\n`);
      if ((await waitForEdit(found, context)) === 'stopped') return error.exitCode;
    }
  }
}

/** How to call a tool of this server, from a shell and from a browser. */
function explainHowToTry(url: string | undefined, { admin }: ServerSettings): string {
  if (url === undefined) return '';
  const inspector = `http://localhost:6274/?transport=streamable-http&serverUrl=${encodeURIComponent(url)}`;
  return [
    `Watching the files of the project; every change is applied at once. Ctrl-C stops.`,
    ...(admin.enabled
      ? ['`mxcp run`, `query`, `test` and `validate` work in another terminal: they ask this server.']
      : []),
    `Try a tool: run \`npx @modelcontextprotocol/inspector\` and open ${pc.cyan(inspector)}`,
    '',
  ].join('\n');
}

/** Resolves when the project has changed, or when the process is asked to stop. */
async function waitForEdit(found: ProjectCode, { early }: CommandContext): Promise<'changed' | 'stopped'> {
  const stopped = new AbortController();
  early.onStop = () => stopped.abort();
  if (early.stops > 0) return 'stopped';
  return (await waitForChange(found, stopped.signal)) ? 'changed' : 'stopped';
}

/** The errors whose cause is in a file of the project or the configuration, or in the database. */
function canBeEdited({ code, exitCode }: MxcpError): boolean {
  return code !== 'usage' && code !== 'database_locked' && (exitCode <= 2 || /^(?:database|python)_/.test(code));
}
