import { statSync } from 'node:fs';
import { availableParallelism, totalmem } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { isMissing, messageOf, MxcpError, nearestName } from '../errors/index.js';
import { expandHome, resolveDatabasePath, resolvePath } from '../files/index.js';
import {
  ACCEPTED_VARIABLES,
  type Setting,
  type SettingFlags,
  type SettingName,
  SETTINGS,
  type SettingValues,
} from './settings-table.js';

export type Environment = Readonly<Record<string, string | undefined>>;

export interface SettingsInput {
  readonly flags: SettingFlags;
  readonly env: Environment;
  readonly cwd: string;
}

type AdminName = Extract<SettingName, `admin${string}`>;
/** Settings that `ServerSettings` has in another form, or with a default that depends on the machine. */
type ConvertedName = 'config' | 'projectDir' | 'duckdbMemoryLimit' | 'pythonWorkers' | 'maxConcurrentCalls';

/**
 * What the command line and the environment say, read once when the process starts. Frozen. Paths are absolute. `undefined`
 * means that a configuration file decides.
 */
export interface ServerSettings extends SettingValues<Exclude<SettingName, AdminName | ConvertedName>> {
  readonly cwd: string;
  /** The folder that holds `mxcp-site.yml`. */
  readonly projectRoot: string;
  readonly siteFile: string;
  /** May be missing unless it was named. */
  readonly userConfigFile: string;
  readonly userConfigNamed: boolean;
  /** In bytes. */
  readonly duckdbMemoryLimit: number;
  readonly pythonWorkers: number;
  readonly admin: AdminSettings;
  readonly maxConcurrentCalls: number;
  /** The option or variable that gave each setting; a setting that nothing gave is absent. */
  readonly namedBy: Readonly<Partial<Record<SettingName, string>>>;
  readonly unknownVariables: readonly UnknownVariable[];
}

export interface AdminSettings {
  readonly enabled: boolean;
  /** Absolute. */
  readonly socketPath: string;
  readonly mode: number;
  /** Name or number. */
  readonly group?: string | undefined;
  readonly strict: boolean;
  readonly probe?: { readonly path: string; readonly mode: number; readonly group?: string | undefined } | undefined;
}

/** A variable that begins with `MXCP_` and has no meaning, with the name that was most likely meant. */
export interface UnknownVariable {
  readonly name: string;
  readonly nearest?: string | undefined;
}

/**
 * Reads the command line and the environment, and finds the project. Throws `usage` naming every setting that is not
 * understood, and `project_not_found`.
 */
export function loadSettings(input: SettingsInput): ServerSettings {
  const { env, cwd } = input;
  const reader = new SettingReader(input);
  const values = reader.read(SERVER_NAMES);
  const { config, projectDir, ...plain } = values;
  const settings = {
    ...plain,
    cwd,
    userConfigNamed: config !== undefined,
    userConfigFile: config === undefined ? defaultUserConfigFile(env) : resolvePath(cwd, config),
    envFiles: values.envFiles.map((file) => resolvePath(cwd, file)),
    duckdbPath: values.duckdbPath && resolveDatabasePath(cwd, values.duckdbPath),
    duckdbMemoryLimit: values.duckdbMemoryLimit ?? defaultMemoryLimit(),
    python: values.python && resolvePython(cwd, values.python),
    pythonWorkers: values.pythonWorkers ?? defaultWorkers(),
    maxConcurrentCalls: values.maxConcurrentCalls ?? defaultConcurrentCalls(),
    admin: readAdminSettings(reader, cwd),
    namedBy: reader.namedBy,
    unknownVariables: findUnknownVariables(env),
  };
  reader.throwProblems();
  const projectRoot =
    projectDir === undefined ? findProjectRoot(cwd) : findNamedProject(resolvePath(cwd, projectDir), reader.namedBy);
  return Object.freeze({ ...settings, projectRoot, siteFile: join(projectRoot, SITE_FILE_NAME) });
}

function defaultUserConfigFile(env: Environment): string {
  return expandHome('~/.mxcp/config.yml', env['HOME']);
}

/** As in a shell, only a name without a slash is looked up in `PATH`. */
function resolvePython(cwd: string, python: string): string {
  return /[/~]/.test(python) ? resolvePath(cwd, python) : python;
}

/** Half, because Node.js and the Python workers need memory too. A container without a limit reports a huge one. */
function defaultMemoryLimit(): number {
  const ofContainer = process.constrainedMemory();
  return Math.floor(Math.min(totalmem(), ofContainer > 0 ? ofContainer : Number.POSITIVE_INFINITY) / 2);
}

/** At least two: while one is replaced, the other answers. More than four mostly cost memory and time to start. */
function defaultWorkers(): number {
  return Math.max(2, Math.min(4, availableParallelism()));
}

/** A query keeps a processor busy most of its time: more at once make all of them slower, and probes wait for their turn. */
function defaultConcurrentCalls(): number {
  return Math.max(8, Math.min(28, 4 * availableParallelism()));
}

/** Reads what `mxcp admin …` needs to find the socket, where there may be no project. Throws `usage`. */
export function loadAdminSettings({ flags, env, cwd }: SettingsInput): AdminSettings {
  // Clients have the same setting under another option.
  const adminSocket = { ...SETTINGS.adminSocket, flag: '--socket <path>' };
  const reader = new SettingReader({ flags, env }, { ...SETTINGS, adminSocket });
  const settings = readAdminSettings(reader, cwd);
  reader.throwProblems();
  return settings;
}

/** Whether errors are shown with their details, for a command whose other settings may not have been understood. */
export function isDebug(input: Pick<SettingsInput, 'flags' | 'env'>): boolean {
  return new SettingReader(input).read(['debug']).debug;
}

function readAdminSettings(reader: SettingReader, cwd: string): AdminSettings {
  const values = reader.read(ADMIN_NAMES);
  const { adminSocketMode: mode, adminProbeSocket: probePath } = values;
  const socketPath = resolvePath(cwd, values.adminSocket);
  if ((mode & 0o007) !== 0)
    reader.problems.push(
      `${reader.namedBy.adminSocketMode} must not give everybody access to the admin socket; use 0660 with a group, or a probe socket for public health checks`,
    );
  const probe =
    probePath === undefined
      ? undefined
      : { path: resolvePath(cwd, probePath), mode: values.adminProbeSocketMode, group: values.adminProbeSocketGroup };
  if (probe?.path === socketPath)
    reader.problems.push(`the probe socket and the admin socket are both ${socketPath}; give them two paths`);
  return Object.freeze({
    enabled: values.admin ?? false,
    socketPath,
    mode,
    group: values.adminSocketGroup,
    strict: values.adminStrict,
    probe,
  });
}

type SettingsTable = Readonly<Record<SettingName, Setting<unknown>>>;

/**
 * Reads settings from options, then from variables, and collects what is wrong, so that one run names every mistake. An empty
 * variable counts as not set. An empty option is a mistake: usually a shell variable without a value.
 */
class SettingReader {
  readonly problems: string[] = [];
  readonly namedBy: Partial<Record<SettingName, string>> = {};
  readonly #flags: SettingFlags;
  readonly #env: Environment;
  readonly #table: SettingsTable;

  constructor({ flags, env }: Pick<SettingsInput, 'flags' | 'env'>, table: SettingsTable = SETTINGS) {
    // A path of the socket on the command line also switches it on.
    this.#flags = flags.adminSocket === undefined ? flags : { ...flags, admin: flags.admin ?? true };
    this.#env = env;
    this.#table = table;
  }

  read<Name extends SettingName>(names: readonly Name[]): SettingValues<Name> {
    const values = names.map((name) => [`${name}${this.#table[name].kind.unit ?? ''}`, this.#readOne(name)]);
    // Each value was parsed by the kind of its own row.
    return Object.fromEntries(values) as SettingValues<Name>;
  }

  throwProblems(): void {
    if (this.problems.length > 0) throw new MxcpError('usage', this.problems.join('\n'));
  }

  #readOne(name: SettingName): unknown {
    const { kind, flag, variable = '', fallback } = this.#table[name];
    const typed = this.#flags[name];
    const inEnvironment = this.#env[variable]?.trim() ?? '';
    if (typed !== undefined || inEnvironment !== '') {
      const option = /--[\w-]+/.exec(flag ?? '')?.[0];
      const source = typed === undefined ? variable : (option ?? 'an option');
      this.namedBy[name] = source;
      const texts = typed === undefined ? [inEnvironment] : [typed].flat().map((text) => String(text).trim());
      const given = texts.join(':');
      const value = texts.includes('') ? undefined : kind.parse(given);
      if (value !== undefined) return value;
      // Both names, so that a search for `admin` in the journal finds the line.
      const named = typed === undefined && option !== undefined ? `${source} (${option})` : source;
      this.problems.push(
        texts.includes('')
          ? `${named} must not be empty; give it a value, or leave it out`
          : `${named} must be ${kind.allowed}, not ${quote(given)}`,
      );
    }
    return fallback === undefined ? undefined : kind.parse(fallback);
  }
}

function quote(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text);
}

const NAMES = Object.keys(SETTINGS) as readonly SettingName[];
const isAdminName = (name: SettingName): name is AdminName => name.startsWith('admin');
const ADMIN_NAMES = NAMES.filter(isAdminName);
const SERVER_NAMES = NAMES.filter((name) => !isAdminName(name));

/** Finds the variables that begin with `MXCP_` and have no meaning: usually typing errors. */
function findUnknownVariables(env: Environment): readonly UnknownVariable[] {
  const settings: readonly Setting<unknown>[] = Object.values(SETTINGS);
  const known = new Set<string>([...settings.flatMap((setting) => setting.variable ?? []), ...ACCEPTED_VARIABLES]);
  return Object.keys(env)
    .filter((name) => name.startsWith('MXCP_') && !name.startsWith('MXCP_SECRET_') && !known.has(name))
    .sort()
    .map((name) => ({ name, nearest: nearestName(name, known) }));
}

export const SITE_FILE_NAME = 'mxcp-site.yml';

/** Like `findProjectRoot`, for a folder that was named. A mistyped one must not lead to the project above it. */
function findNamedProject(folder: string, { projectDir: source }: ServerSettings['namedBy']): string {
  let reason = 'which is not a folder';
  try {
    if (statSync(folder).isDirectory()) return findProjectRoot(folder);
  } catch (error) {
    if (error instanceof MxcpError) throw error;
    if (!isMissing(error)) reason = messageOf(error);
  }
  throw new MxcpError('project_not_found', `${source} names "${folder}", ${reason}`);
}

/** Finds the folder that holds `mxcp-site.yml`: `cwd` or the nearest above it. Throws `project_not_found`. */
function findProjectRoot(cwd: string): string {
  const unreadable: string[] = [];
  let folder = resolve(cwd);
  for (;;) {
    const found = findSiteFile(folder);
    if (found === 'present') return folder;
    if (found === 'unreadable') unreadable.push(folder);
    const parent = dirname(folder);
    if (parent === folder) throw notFound(cwd, unreadable);
    folder = parent;
  }
}

function findSiteFile(folder: string): 'present' | 'missing' | 'unreadable' {
  try {
    statSync(join(folder, SITE_FILE_NAME));
    return 'present';
  } catch (error) {
    // A folder that this user may not read can still be inside a project.
    return isMissing(error) ? 'missing' : 'unreadable';
  }
}

function notFound(cwd: string, unreadable: readonly string[]): MxcpError {
  const doubt = unreadable.length === 0 ? '' : ` (${unreadable.join(', ')} may not be read by this user)`;
  return new MxcpError(
    'project_not_found',
    `no ${SITE_FILE_NAME} in ${cwd} or any folder above it${doubt}; change to the folder of a project, name it with \`-C\`, or make one with \`mxcp init\``,
  );
}
