import { statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { isMissing, MxcpError, nearestName } from '../errors/index.js';
import { expandHome, resolveDatabasePath, resolvePath } from '../files/index.js';
import {
  type AdminSettings,
  type Environment,
  type ServerSettings,
  SettingReader,
  type SocketSettings,
  type UnknownVariable,
} from './server-settings.js';
import { ACCEPTED_VARIABLES, type Setting, type SettingFlags, SETTINGS } from './settings-table.js';

export interface SettingsInput {
  readonly flags: SettingFlags;
  readonly env: Environment;
  readonly cwd: string;
}

/**
 * Reads the command line and the environment, and finds the project. Throws `usage` naming every setting that is not
 * understood, and `project_not_found`.
 */
export function loadSettings(input: SettingsInput): ServerSettings {
  const { flags, env, cwd } = input;
  const reader = new SettingReader(env);
  const settings = {
    cwd,
    ...readFiles(reader, input),
    ...readRunSettings(reader, input),
    ...readPython(reader, input),
    ...readLimits(reader, flags),
    admin: readAdminSettings(reader, input),
    unknownVariables: findUnknownVariables(env),
  };
  refuse(reader.problems);
  const projectRoot = findProjectRoot(cwd);
  return Object.freeze({ ...settings, projectRoot, siteFile: join(projectRoot, SITE_FILE_NAME) });
}

/** The same setting, as `mxcp admin …` names it. */
const CLIENT_SOCKET = { ...SETTINGS.adminSocket, flag: '--socket <path>' } as const;

/** What `mxcp admin …` needs to find the socket: no project has to be there. Throws `usage`. */
export function loadAdminSettings(input: SettingsInput): AdminSettings {
  const reader = new SettingReader(input.env);
  const settings = readAdminSettings(reader, input, CLIENT_SOCKET);
  refuse(reader.problems);
  return settings;
}

function refuse(problems: readonly string[]): void {
  if (problems.length > 0) throw new MxcpError('usage', problems.join('\n'));
}

function readFiles(reader: SettingReader, { flags, env, cwd }: SettingsInput) {
  const named = reader.read(SETTINGS.config, flags.config);
  return {
    userConfigNamed: named !== undefined,
    userConfigFile:
      named === undefined ? expandHome('~/.mxcp/config.yml', env['HOME']) : resolvePath(cwd, named),
    envFiles: reader.require(SETTINGS.envFiles, flags.envFiles).map((file) => resolvePath(cwd, file)),
  };
}

function readRunSettings(reader: SettingReader, { flags, cwd }: SettingsInput) {
  const duckdbPath = reader.read(SETTINGS.duckdbPath, flags.duckdbPath);
  return {
    profile: reader.read(SETTINGS.profile, flags.profile),
    profileNamedBy: reader.namedBy(SETTINGS.profile, flags.profile),
    readonly: reader.read(SETTINGS.readonly, flags.readonly),
    debug: reader.require(SETTINGS.debug, flags.debug),
    duckdbPath: duckdbPath === undefined ? undefined : resolveDatabasePath(cwd, duckdbPath),
    auditEnabled: reader.read(SETTINGS.auditEnabled, flags.auditEnabled),
    telemetryEnabled: reader.read(SETTINGS.telemetryEnabled, flags.telemetryEnabled),
    transport: reader.read(SETTINGS.transport, flags.transport),
    host: reader.read(SETTINGS.host, flags.host),
    port: reader.read(SETTINGS.port, flags.port),
    stateless: reader.read(SETTINGS.stateless, flags.stateless),
    sqlTools: reader.read(SETTINGS.sqlTools, flags.sqlTools),
    ignoreErrors: reader.require(SETTINGS.ignoreErrors, flags.ignoreErrors),
    reloadDefinitions: reader.require(SETTINGS.reloadDefinitions, flags.reloadDefinitions),
    watch: reader.require(SETTINGS.watch, flags.watch),
    waitForSecretsMs: reader.require(SETTINGS.waitForSecrets, flags.waitForSecrets),
    logFormat: reader.require(SETTINGS.logFormat, flags.logFormat),
  };
}

function readPython(reader: SettingReader, { flags, cwd }: SettingsInput) {
  const python = reader.read(SETTINGS.python, flags.python);
  // As a shell does it: only a name without a slash is looked up in PATH.
  const isPath = python !== undefined && /[/~]/.test(python);
  return {
    python: isPath ? resolvePath(cwd, python) : python,
    pythonWorkers: reader.read(SETTINGS.pythonWorkers, flags.pythonWorkers) ?? defaultWorkers(),
  };
}

/** Two at least: while one is replaced, the other answers. More than four mostly cost memory and time to start. */
function defaultWorkers(): number {
  return Math.max(2, Math.min(4, availableParallelism()));
}

/** A query keeps a processor busy most of its time: more at once make all of them slower, and probes wait for their turn. */
function defaultConcurrentCalls(): number {
  return Math.max(8, Math.min(28, 4 * availableParallelism()));
}

function readLimits(reader: SettingReader, flags: SettingFlags) {
  return {
    maxConcurrentCalls:
      reader.read(SETTINGS.maxConcurrentCalls, flags.maxConcurrentCalls) ?? defaultConcurrentCalls(),
    maxQueuedCalls: reader.require(SETTINGS.maxQueuedCalls, flags.maxQueuedCalls),
    callTimeoutMs: reader.require(SETTINGS.callTimeout, flags.callTimeout),
    maxResultBytes: reader.require(SETTINGS.maxResultBytes, flags.maxResultBytes),
    reloadResolveTimeoutMs: reader.require(SETTINGS.reloadResolveTimeout, flags.reloadResolveTimeout),
    reloadDrainTimeoutMs: reader.require(SETTINGS.reloadDrainTimeout, flags.reloadDrainTimeout),
    reloadHoldTimeoutMs: reader.require(SETTINGS.reloadHoldTimeout, flags.reloadHoldTimeout),
    shutdownTimeoutMs: reader.require(SETTINGS.shutdownTimeout, flags.shutdownTimeout),
  };
}

function readAdminSettings(
  reader: SettingReader,
  { flags, cwd }: SettingsInput,
  socket: Setting<string> & { readonly fallback: string } = SETTINGS.adminSocket,
): AdminSettings {
  const socketPath = resolvePath(cwd, reader.require(socket, flags.adminSocket));
  const mode = reader.require(SETTINGS.adminSocketMode, flags.adminSocketMode);
  if ((mode & 0o007) !== 0) {
    const name = reader.namedBy(SETTINGS.adminSocketMode, flags.adminSocketMode);
    reader.problems.push(
      `${name} must not give everybody access to the admin socket; use 0660 with a group, or a probe socket for what is public`,
    );
  }
  const probe = readProbeSocket(reader, { flags, cwd });
  if (probe?.path === socketPath) {
    reader.problems.push(`the probe socket and the admin socket are both ${socketPath}; give them two paths`);
  }
  const impliedBySocket = flags.adminSocket === undefined ? undefined : true;
  return Object.freeze({
    enabled: reader.read(SETTINGS.admin, flags.admin ?? impliedBySocket) ?? false,
    socketPath,
    socketPathIsDefault: reader.namedBy(SETTINGS.adminSocket, flags.adminSocket) === undefined,
    mode,
    group: reader.read(SETTINGS.adminSocketGroup, flags.adminSocketGroup),
    strict: reader.require(SETTINGS.adminStrict, flags.adminStrict),
    probe,
  });
}

function readProbeSocket(
  reader: SettingReader,
  { flags, cwd }: Pick<SettingsInput, 'flags' | 'cwd'>,
): SocketSettings | undefined {
  const path = reader.read(SETTINGS.adminProbeSocket, flags.adminProbeSocket);
  // Read also when there is no probe socket, so that a mistake in them is told.
  const mode = reader.require(SETTINGS.adminProbeSocketMode, flags.adminProbeSocketMode);
  const group = reader.read(SETTINGS.adminProbeSocketGroup, flags.adminProbeSocketGroup);
  return path === undefined ? undefined : { path: resolvePath(cwd, path), mode, group };
}

/** The variables that begin with `MXCP_` and that nothing reads: most often a typing error. */
export function findUnknownVariables(env: Environment): readonly UnknownVariable[] {
  const settings: readonly Setting<unknown>[] = Object.values(SETTINGS);
  const known = new Set<string>([
    ...settings.flatMap((setting) => setting.variable ?? []),
    ...ACCEPTED_VARIABLES,
  ]);
  return Object.keys(env)
    .filter((name) => name.startsWith('MXCP_') && !name.startsWith('MXCP_SECRET_') && !known.has(name))
    .sort()
    .map((name) => ({ name, nearest: nearestName(name, known) }));
}

export const SITE_FILE_NAME = 'mxcp-site.yml';

/** Finds the folder that holds `mxcp-site.yml`: `cwd` or the nearest above it. Throws `project_not_found`. */
export function findProjectRoot(cwd: string): string {
  const unknown: string[] = [];
  let folder = resolve(cwd);
  for (;;) {
    const found = lookIn(folder);
    if (found === 'there') return folder;
    if (found === 'unknown') unknown.push(folder);
    const parent = dirname(folder);
    if (parent === folder) throw notFound(cwd, unknown);
    folder = parent;
  }
}

function lookIn(folder: string): 'there' | 'missing' | 'unknown' {
  try {
    statSync(join(folder, SITE_FILE_NAME));
    return 'there';
  } catch (error) {
    // A folder that this user may not look into may still lie within a project.
    return isMissing(error) ? 'missing' : 'unknown';
  }
}

function notFound(cwd: string, unknown: readonly string[]): MxcpError {
  const doubt = unknown.length === 0 ? '' : ` (${unknown.join(', ')} cannot be looked into)`;
  return new MxcpError(
    'project_not_found',
    `no ${SITE_FILE_NAME} in ${cwd} or any folder above it${doubt}; change to the folder of a project, or make one with \`mxcp init\``,
  );
}
