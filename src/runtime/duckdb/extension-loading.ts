import type { DuckDBConnection } from '@duckdb/node-api';
import type { ExtensionDefinition } from '../../config/index.js';
import { firstLineOf, messageOf, MxcpError, problemsError } from '../../errors/index.js';

const NAME = /^[A-Za-z0-9_]+$/;

/**
 * Loads the extensions of the configuration, installing only what is neither built in nor installed: INSTALL of a
 * built-in extension fails without network (DuckDB 1.5.6). Throws `extension_failed`.
 */
export async function loadExtensions(
  connection: DuckDBConnection,
  extensions: readonly ExtensionDefinition[],
): Promise<void> {
  for (const extension of extensions) {
    if (!NAME.test(extension.name))
      throw toExtensionError(extension, `"${extension.name}" cannot be the name of a DuckDB extension`);
    await loadExtension(connection, extension);
  }
}

async function loadExtension(connection: DuckDBConnection, extension: ExtensionDefinition): Promise<void> {
  const { name, repository } = extension;
  try {
    const reader = await connection.runAndReadAll(
      'SELECT installed, loaded FROM duckdb_extensions() WHERE extension_name = $name OR list_contains(aliases, $name)',
      { name },
    );
    const [installed, loaded] = reader.getRowsJS()[0] ?? [false, false];
    if (loaded === true) return;
    if (installed !== true)
      await connection.run(`INSTALL ${name}${repository === undefined ? '' : ` FROM ${repository}`}`);
    await connection.run(`LOAD ${name}`);
  } catch (error) {
    const firstLine = firstLineOf(messageOf(error));
    throw toExtensionError(
      extension,
      `DuckDB extension "${name}" cannot be loaded (${firstLine}); install it on this machine first, or remove it from \`extensions\` in mxcp-site.yml`,
      error,
    );
  }
}

function toExtensionError({ declaredAt }: ExtensionDefinition, message: string, cause?: unknown): MxcpError {
  if (declaredAt === undefined) return new MxcpError('extension_failed', message, { cause });
  return problemsError(
    'extension_failed',
    'an extension cannot be loaded:',
    [{ ...declaredAt, message }],
    cause,
  );
}
