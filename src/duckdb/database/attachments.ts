import type { AttachmentDefinition, SecretDefinition } from '../../config/index.js';
import { firstLineOf, messageOf, MxcpError, type Problem, problemsError } from '../../errors/index.js';
import type { Disposable } from '../../lifecycle/index.js';
import type { PooledConnection } from '../statements/connections.js';
import type { DatabaseInstance } from './database-instance.js';
import { createSecret, quoteIdentifier, toDropSecret } from './secret-staging.js';

/*
 * Databases attached to an instance are instance-wide, like its secrets, and `ATTACH` belongs to no transaction (DuckDB 1.5.6).
 * So a candidate on an open instance attaches them a second time under hidden names, checks its endpoints there, and moves the
 * real names at the swap with `ATTACH OR REPLACE`: a query or transaction that runs keeps the database it began on.
 */

/** Begins the hidden names of databases and secrets; the configuration refuses such names. */
const NEXT = '__mxcp_next_';
/** As the extensions for Postgres and MySQL say it. */
const CANNOT_CONNECT = /(?:Unable|Failed) to connect to /;

export interface AttachmentSpec {
  readonly attachments: readonly AttachmentDefinition[];
  readonly secrets: readonly SecretDefinition[];
}

/** The attached databases of a candidate until `swap()`. The database of the generation disposes it. */
export class StagedAttachments implements Disposable {
  readonly #instance: DatabaseInstance;
  readonly #connection: PooledConnection;
  readonly #hiddenSecrets = new Set<string>();
  readonly #hidden: AttachmentDefinition[] = [];
  #swapped: Promise<void> | undefined;
  #isDisposed = false;

  private constructor(instance: DatabaseInstance, connection: PooledConnection) {
    this.#instance = instance;
    this.#connection = connection;
  }

  /**
   * Attaches what is not attached yet, and under hidden names what a swap will replace. Resolves with `attach_failed` too if some of
   * them cannot be attached, with a problem for each.
   */
  static async begin(
    instance: DatabaseInstance,
    spec: AttachmentSpec,
  ): Promise<{ readonly staged: StagedAttachments; readonly failure: MxcpError | undefined }> {
    const staged = new StagedAttachments(instance, await instance.connections.open());
    const problems: Problem[] = [];
    let cause: unknown;
    for (const definition of spec.attachments) {
      try {
        await staged.#stage(definition, spec.secrets);
      } catch (error) {
        cause ??= error;
        problems.push({ file: 'mxcp-site.yml', ...definition.declaredAt?.(), message: explain(definition, error) });
      }
    }
    if (problems.length === 0) return { staged, failure: undefined };
    const summary = problems.length === 1 ? 'a database cannot be attached:' : 'databases cannot be attached:';
    return { staged, failure: problemsError('attach_failed', summary, problems, cause) };
  }

  /**
   * Compiles a text on the databases that the swap will attach. `inspect` runs once or twice; outside of the transaction, a text sees
   * names that were moved since that began.
   */
  async inspect<T>(sql: string, inspect: (text: string, place: 'inside' | 'outside') => Promise<T>): Promise<T> {
    const renamed = renameDatabases(sql, new Set(this.#hidden.map(({ name }) => name.toLowerCase())));
    try {
      if (renamed !== sql) return await inspect(renamed, 'inside');
    } catch (error) {
      const message = messageOf(error);
      // Fails only if the word is a table or a column of the text, and no database.
      if (!message.includes(`Referenced table "${NEXT}`)) {
        const reason = firstLineOf(message).replaceAll(NEXT, '');
        throw new MxcpError('query_failed', `${reason} (on the attached databases as they are now)`, { cause: error });
      }
    }
    try {
      return await inspect(sql, 'inside');
    } catch (error) {
      if (this.#hidden.length === 0 || !CANNOT_CONNECT.test(messageOf(error))) throw error;
      // A view reads an attached database that does not answer as it is attached now. No call can use it, so it need not wait.
      this.#swapped ??= this.swap();
      await this.#swapped;
      return inspect(sql, 'outside');
    }
  }

  /** Lets the real names lead to the new databases. Throws `attach_failed`, after which they lead to the earlier ones. */
  async swap(): Promise<void> {
    const swapped: AttachmentDefinition[] = [];
    const endChange = this.#instance.connections.beginChange();
    try {
      for (const definition of this.#hidden) {
        await this.#attach(definition, { secret: hiddenSecretOf(definition) });
        swapped.push(definition);
      }
    } catch (error) {
      await this.#restore(swapped);
      throw new MxcpError('attach_failed', messageOf(error), { cause: error });
    } finally {
      endChange();
    }
  }

  /** After a swap, while the secrets of the instance are still the earlier ones. */
  restore(): Promise<void> {
    return this.#restore(this.#hidden);
  }

  /** Detaches the hidden names. What runs on them keeps them until it ends. */
  async dispose(): Promise<void> {
    if (this.#isDisposed) return;
    this.#isDisposed = true;
    const { native } = this.#connection;
    try {
      for (const { name } of this.#hidden) await native.run(`DETACH ${quoteIdentifier(NEXT + name)}`);
      for (const secret of this.#hiddenSecrets) await native.run(toDropSecret(secret));
    } finally {
      this.#connection.close();
    }
  }

  async #restore(definitions: readonly AttachmentDefinition[]): Promise<void> {
    for (const definition of definitions) await this.#attach(definition, {});
  }

  async #stage(definition: AttachmentDefinition, secrets: readonly SecretDefinition[]): Promise<void> {
    const isAttached = this.#instance.attachCounts.has(definition.name);
    if (isAttached && !isReplaceable(definition)) return;
    const secret = await this.#stageSecret(definition, secrets);
    await this.#attach(definition, { secret, ...(isAttached && { prefix: NEXT }) });
    if (isAttached) this.#hidden.push(definition);
  }

  /** Under a hidden name, because DuckLake attaches its catalog on a connection that does not see an open transaction. */
  async #stageSecret(
    { secret: wanted }: AttachmentDefinition,
    secrets: readonly SecretDefinition[],
  ): Promise<string | undefined> {
    if (wanted === undefined) return undefined;
    const secret = secrets.find(({ name }) => name.toLowerCase() === wanted.toLowerCase());
    if (secret === undefined) throw new Error(`the active profile of the user configuration has no secret "${wanted}"`);
    const name = NEXT + wanted;
    if (this.#hiddenSecrets.has(name)) return name;
    if (!(await createSecret(this.#connection.native, { ...secret, name })))
      throw new Error(`DuckDB knows no secrets of type ${secret.type} without an extension`);
    this.#hiddenSecrets.add(name);
    return name;
  }

  async #attach(
    definition: AttachmentDefinition,
    { prefix = '', secret = definition.secret }: { readonly prefix?: string; readonly secret?: string | undefined },
  ): Promise<void> {
    const { attachCounts } = this.#instance;
    const { name } = definition;
    const count = attachCounts.get(name) ?? 0;
    // An extension that the type needs is loaded by DuckDB itself if it is installed.
    await this.#connection.native.run(toAttach(definition, { as: prefix + name, secret, count }));
    if (prefix === '') attachCounts.set(name, count + 1);
  }
}

function hiddenSecretOf({ secret }: AttachmentDefinition): string | undefined {
  return secret === undefined ? undefined : NEXT + secret;
}

function isLake({ type }: AttachmentDefinition): boolean {
  return type.toLowerCase() === 'ducklake';
}

/**
 * Whether it can be attached twice to one instance, and so replaced at a reload: databases of other servers. A file stays attached as it
 * was opened; DuckDB refuses or ignores a second attachment of it (1.5.6).
 */
function isReplaceable(definition: AttachmentDefinition): boolean {
  const { type, path } = definition;
  return isLake(definition) ? /^(?:postgres|mysql):/i.test(path) : /^(?:postgres|mysql)$/i.test(type);
}

interface AttachTarget {
  readonly as: string;
  readonly secret: string | undefined;
  /** How often the name was attached before. */
  readonly count: number;
}

export function toAttach(definition: AttachmentDefinition, { as, secret, count }: AttachTarget): string {
  const { type, readonly, options } = definition;
  const parts = [
    `TYPE ${type}`,
    readonly ? 'READ_ONLY' : 'READ_WRITE',
    ...(secret === undefined ? [] : [`${isLake(definition) ? 'META_SECRET' : 'SECRET'} ${quoteText(secret)}`]),
    // The catalog of a DuckLake is a database of its own, which two attachments cannot share.
    ...(isLake(definition) ? [`METADATA_CATALOG ${quoteText(`__mxcp_catalog_${as}_${count}`)}`] : []),
    ...Object.entries(options).map(([key, value]) => `${key} ${typeof value === 'string' ? quoteText(value) : value}`),
  ];
  // Never the first time: it would replace the database of the profile if that has the same name.
  const replaces = count > 0 && as === definition.name;
  const path = quoteText(pathOf(definition, count));
  return `ATTACH ${replaces ? 'OR REPLACE ' : ''}${path} AS ${quoteIdentifier(as)} (${parts.join(', ')})`;
}

/** A server that does not answer must not stop a start, a reload or a call for minutes. */
const CONNECT_TIMEOUT = 'connect_timeout=10';

/**
 * `ATTACH OR REPLACE` does nothing when the path is the same (DuckDB 1.5.6), so the path has another form each time: a space at
 * the end of a connection string, or the other of the two schemes of an address.
 */
function pathOf(definition: AttachmentDefinition, count: number): string {
  const { type, path } = definition;
  if (!isReplaceable(definition)) return path;
  const isOdd = count % 2 === 1;
  const [, scheme, rest = ''] = /^(postgres(?:ql)?):\/\/(.*)$/is.exec(path) ?? [];
  if (scheme !== undefined) {
    const limit = /[?&]connect_timeout=/.test(rest) ? '' : `${rest.includes('?') ? '&' : '?'}${CONNECT_TIMEOUT}`;
    return `${isOdd ? 'postgresql' : 'postgres'}://${rest}${limit}`;
  }
  const [, prefix = '', server = ''] = (isLake(definition) ? /^(\w+:)(.*)$/s : /^()(.*)$/s).exec(path) ?? [];
  const isPostgres = /^postgres:?$/i.test(prefix === '' ? type : prefix);
  return `${prefix}${isPostgres ? limitConnecting(server) : server}${isOdd ? ' ' : ''}`;
}

function limitConnecting(path: string): string {
  return /\bconnect_timeout\s*=/i.test(path) ? path : `${CONNECT_TIMEOUT}${path === '' ? '' : ` ${path}`}`;
}

function quoteText(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

const NAME = String.raw`(?:"(?:[^"]|"")*"|[\p{L}_][\w$]*)`;
/** Comments and strings, and names with at least one part after the first. */
const QUALIFIED = new RegExp(
  String.raw`--[^\n]*|\/\*[\s\S]*?\*\/|'(?:[^']|'')*'|(?<![\w$.])(?<first>${NAME})(?=\s*\.\s*(?:${NAME}))(?<rest>(?:\s*\.\s*${NAME})+)`,
  'gu',
);

/** Lets names that begin with one of these databases begin with its hidden name. */
export function renameDatabases(sql: string, names: ReadonlySet<string>): string {
  return sql.replace(QUALIFIED, (token: string, first: string | undefined, rest: string) => {
    if (first === undefined) return token;
    const name = first.startsWith('"') ? first.slice(1, -1).replaceAll('""', '"') : first;
    return names.has(name.toLowerCase()) ? `${quoteIdentifier(NEXT + name)}${rest}` : token;
  });
}

function explain({ name, type, secret }: AttachmentDefinition, error: unknown): string {
  const withSecret = secret === undefined ? '' : `, correct the secret "${secret}"`;
  return `database "${name}" of type ${type} cannot be attached (${firstLineOf(messageOf(error))}); make its server or file available${withSecret}, or remove it from \`attach\``;
}
