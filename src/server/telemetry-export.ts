import type { ResolvedConfig } from '../config/index.js';
import { errorCodeOf, MxcpError } from '../errors/index.js';
import type { Generation } from '../lifecycle/index.js';
import type { GenerationContents } from '../project/index.js';
import { version } from '../version/index.js';
import type { ServerContext } from './server-context.js';

/**
 * Begins the export to an OpenTelemetry collector where the configuration asks for one; otherwise nothing of it is loaded. `current` is undefined
 * until the first generation serves. The disposer of the context ends it. Throws `feature_unavailable`.
 */
export async function startTelemetryExport(
  context: ServerContext,
  config: ResolvedConfig,
  current: () => Generation<GenerationContents> | undefined,
): Promise<void> {
  if (!config.telemetry.enabled) return;
  const { env, observers, logger, scrubber, disposer, settings } = context;
  const { OpenTelemetry } = await loadOpenTelemetry();
  const headers = (): Readonly<Record<string, string>> => {
    const { telemetry } = current()?.contents.config ?? config;
    return Object.fromEntries(telemetry.headers.map(({ name, value }) => [name, value.reveal()]));
  };
  disposer.own(
    new OpenTelemetry({
      settings: config.telemetry,
      env,
      headers,
      isReadonly: () => (current()?.contents.database ?? config.duckdb).readonly,
      observers,
      logger,
      scrubber,
      version,
      shutdownTimeoutMs: settings.shutdownTimeoutMs,
    }),
  );
}

/** The packages of OpenTelemetry take a tenth of a second and 20 MB, and an installation may leave them out. */
async function loadOpenTelemetry() {
  try {
    return await import('../opentelemetry/index.js');
  } catch (cause) {
    if (errorCodeOf(cause) !== 'ERR_MODULE_NOT_FOUND') throw cause;
    throw new MxcpError(
      'feature_unavailable',
      '`telemetry` is on, but the packages of OpenTelemetry are not installed; run `npm install --include=optional`, or switch it off',
      { cause },
    );
  }
}
