import { AdminClient, type CallResult, type OwnerFile, readOwnerFile } from '../../admin/client/index.js';
import type { BodyOf, ProjectReportRecord } from '../../contract/index.js';
import { lockHolderOf, parseOrdered } from '../../duckdb/index.js';
import { MxcpError } from '../../errors/index.js';
import type { Output } from '../terminal/output.js';

/**
 * The server that has the database of a command open. No other process can open it, so the server answers in place of the
 * command. Every method says so on standard error, and throws what the server answers with.
 */
export class RunningServer {
  readonly #owner: OwnerFile;
  readonly #client: AdminClient;
  readonly #output: Output;
  readonly #noted = new Set<string>();

  /** Undefined if the process that `locked` names is no server of this user, or has no admin socket. */
  static find(databasePath: string, locked: MxcpError, output: Output): RunningServer | undefined {
    const owner = readOwnerFile(databasePath);
    const holder = lockHolderOf(locked);
    if (owner === undefined || (holder !== undefined && holder !== owner.pid)) return undefined;
    return new RunningServer(owner, output);
  }

  private constructor(owner: OwnerFile, output: Output) {
    const { socket: socketPath, token } = owner;
    this.#owner = owner;
    this.#output = output;
    this.#client = new AdminClient({ socketPath, token, trigger: 'cli', parse: parseOrdered });
  }

  async run(body: BodyOf<'runEndpoint'>): Promise<unknown> {
    try {
      return this.#report(await this.#client.run(body)).result;
    } catch (error) {
      if (!(error instanceof MxcpError) || error.code !== 'endpoint_not_found') throw error;
      const reason = `the running server (process ${this.#owner.pid}) has the database open, and does not serve this endpoint`;
      throw new MxcpError(error.code, `${error.message}; ${reason}: ${this.#reloadCommand} applies the files on disk`, {
        cause: error,
      });
    }
  }

  /** The problems of the endpoint files that it has read and refused, by path. */
  async findRefused(): Promise<ReadonlyMap<string, string>> {
    const { endpoints } = await this.#client.endpoints();
    return new Map(endpoints.flatMap(({ path, error }) => (error === null ? [] : [[path, error]])));
  }

  async query(body: BodyOf<'runQuery'>): Promise<CallResult> {
    return this.#report(await this.#client.query(body));
  }

  async validate(): Promise<ProjectReportRecord> {
    const report = await this.#client.validate();
    this.#output.warn(`Note: the running server (process ${this.#owner.pid}) checked the project`);
    return report;
  }

  get #reloadCommand(): string {
    return `\`mxcp admin reload --definitions --socket ${this.#owner.socket}\``;
  }

  #report(answer: CallResult): CallResult {
    const { pid } = this.#owner;
    const { generation, definitions_changed: changed, definitions_refused: refused = [] } = answer;
    this.#note(
      `Note: the running server (process ${pid}) answered from generation ${generation}, because it has the database open`,
    );
    if (refused.length > 0)
      this.#note(
        `Note: it refused the changes on disk (${changed.join(', ')}) and serves an earlier version: ${refused.join('; ')}`,
      );
    else if (changed.length > 0) {
      const files = changed.join(', ');
      this.#note(`Note: it has not read the changes on disk (${files}); ${this.#reloadCommand} applies them`);
    }
    return answer;
  }

  /** A command that makes many calls says the same of all of them only once. */
  #note(text: string): void {
    if (this.#noted.has(text)) return;
    this.#noted.add(text);
    this.#output.warn(text);
  }
}

/** Resolves with the server that has the database open where `opening` fails because of that. */
export async function orRunningServer<T>(
  opening: Promise<T>,
  databasePath: string,
  output: Output,
): Promise<T | RunningServer> {
  try {
    return await opening;
  } catch (error) {
    if (!(error instanceof MxcpError) || error.code !== 'database_locked') throw error;
    const server = RunningServer.find(databasePath, error, output);
    if (server === undefined) throw explainLock(error);
    return server;
  }
}

/** For a database that another process has open, and no server of this user answers for. */
export function explainLock(error: MxcpError): MxcpError {
  const remedy =
    'if that process is an mxcp server, start it with `--admin-socket <path>`: this command then asks the server instead';
  return new MxcpError(error.code, `${error.message}; ${remedy}`, { cause: error.cause });
}
