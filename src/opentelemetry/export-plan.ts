/** What the configuration says of the export. */
export interface ExportSettings {
  /** The URL of a collector, without the path of a signal. */
  readonly endpoint?: string | undefined;
  readonly serviceName?: string | undefined;
  readonly serviceVersion?: string | undefined;
  readonly environment?: string | undefined;
  readonly resourceAttributes: Readonly<Record<string, string | number | boolean>>;
  readonly traces: boolean;
  readonly tracesToLog: boolean;
  readonly metrics: boolean;
  readonly metricsIntervalMs: number;
  readonly logs: boolean;
}

export type Signal = 'traces' | 'metrics' | 'logs';

/** Where one signal is sent, and how. */
export interface SignalPlan {
  readonly url: string;
  readonly timeoutMs: number;
  readonly compression: 'gzip' | 'none';
  readonly encoding: 'http/protobuf' | 'http/json';
  /** Of the variables. They win over the headers of the configuration. */
  readonly headers: Readonly<Record<string, string>>;
}

export interface BatchPlan {
  readonly delayMs: number;
  readonly queueSize: number;
  readonly batchSize: number;
}

export type SamplerName = (typeof SAMPLERS)[number];

export interface ExportPlan {
  readonly resource: Readonly<Record<string, string | number | boolean>>;
  /** Undefined for a signal that is not exported. */
  readonly traces: SignalPlan | undefined;
  readonly tracesToLog: boolean;
  readonly sampler: { readonly name: SamplerName; readonly ratio: number };
  readonly spanBatch: BatchPlan;
  readonly metrics: SignalPlan | undefined;
  readonly metricsIntervalMs: number;
  readonly isDelta: boolean;
  readonly logs: SignalPlan | undefined;
  readonly logBatch: BatchPlan;
  /** Variables with a value that cannot be used, to be logged. Their defaults apply. */
  readonly problems: readonly string[];
}

type Variables = Readonly<Record<string, string | undefined>>;

const SAMPLERS = [
  'parentbased_always_on',
  'parentbased_always_off',
  'parentbased_traceidratio',
  'always_on',
  'always_off',
  'traceidratio',
] as const;

const DEFAULT_ENDPOINT = 'http://localhost:4318';
const PATHS = { traces: 'v1/traces', metrics: 'v1/metrics', logs: 'v1/logs' } as const;

/**
 * Applies the variables of OpenTelemetry to the configuration, over which they win. As its specification asks, a value that
 * cannot be used is reported and ignored.
 */
export function toExportPlan(settings: ExportSettings, variables: Variables): ExportPlan {
  const read = new VariableReader(variables);
  const isDisabled = read.choice('OTEL_SDK_DISABLED', ['false', 'true']) === 'true';
  const planOf = (signal: Signal): SignalPlan | undefined => {
    const exporter = read.choice(`OTEL_${signal.toUpperCase()}_EXPORTER`, ['otlp', 'none']);
    const isOn = exporter === undefined ? settings[signal] : exporter === 'otlp';
    return isOn && !isDisabled ? toSignalPlan(signal, settings, read) : undefined;
  };
  const interval = read.integer('OTEL_METRIC_EXPORT_INTERVAL');
  const temporality = read.choice('OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE', ['cumulative', 'delta']);
  return {
    resource: toResource(settings, read),
    traces: planOf('traces'),
    tracesToLog: settings.tracesToLog && settings.traces && !isDisabled,
    sampler: { name: read.choice('OTEL_TRACES_SAMPLER', SAMPLERS) ?? SAMPLERS[0], ratio: read.ratio() },
    spanBatch: toBatch('OTEL_BSP', 5_000, read),
    metrics: planOf('metrics'),
    metricsIntervalMs: interval ?? settings.metricsIntervalMs,
    isDelta: temporality === 'delta',
    logs: planOf('logs'),
    logBatch: toBatch('OTEL_BLRP', 1_000, read),
    problems: read.problems,
  };
}

function toSignalPlan(signal: Signal, { endpoint }: ExportSettings, read: VariableReader): SignalPlan {
  const named = (what: string): readonly string[] => [
    `OTEL_EXPORTER_OTLP_${signal.toUpperCase()}_${what}`,
    `OTEL_EXPORTER_OTLP_${what}`,
  ];
  const [own = '', common = ''] = named('ENDPOINT');
  const base = (read.url(common) ?? endpoint ?? DEFAULT_ENDPOINT).replace(/\/$/, '');
  const [ownHeaders = '', commonHeaders = ''] = named('HEADERS');
  return {
    url: read.url(own) ?? `${base}/${PATHS[signal]}`,
    timeoutMs: read.first(named('TIMEOUT'), (name) => read.integer(name)) ?? 10_000,
    compression: read.first(named('COMPRESSION'), (name) => read.choice(name, ['none', 'gzip'])) ?? 'none',
    encoding:
      read.first(named('PROTOCOL'), (name) => read.choice(name, ['http/protobuf', 'http/json'])) ?? 'http/protobuf',
    headers: { ...read.pairs(commonHeaders), ...read.pairs(ownHeaders) },
  };
}

function toBatch(prefix: 'OTEL_BSP' | 'OTEL_BLRP', delayMs: number, read: VariableReader): BatchPlan {
  const queueSize = read.integer(`${prefix}_MAX_QUEUE_SIZE`) ?? 2048;
  return {
    delayMs: read.integer(`${prefix}_SCHEDULE_DELAY`) ?? delayMs,
    queueSize,
    batchSize: Math.min(queueSize, read.integer(`${prefix}_MAX_EXPORT_BATCH_SIZE`) ?? 512),
  };
}

/** What the variables say wins over the keys of the configuration, and these over its `resource_attributes`. */
function toResource(settings: ExportSettings, read: VariableReader): ExportPlan['resource'] {
  const { serviceName, serviceVersion, environment, resourceAttributes } = settings;
  const named = read.text('OTEL_SERVICE_NAME');
  return {
    'service.name': 'mxcp',
    ...resourceAttributes,
    ...(serviceName !== undefined && { 'service.name': serviceName }),
    ...(serviceVersion !== undefined && { 'service.version': serviceVersion }),
    ...(environment !== undefined && { 'deployment.environment.name': environment }),
    ...read.pairs('OTEL_RESOURCE_ATTRIBUTES'),
    ...(named !== undefined && { 'service.name': named }),
  };
}

/** Reads variables. An empty one counts as absent, as the specification says. */
class VariableReader {
  readonly problems: string[] = [];
  readonly #variables: Variables;

  constructor(variables: Variables) {
    this.#variables = variables;
  }

  text(name: string): string | undefined {
    return this.#variables[name]?.trim() || undefined;
  }

  /** The value of the first of the variables that has one. */
  first<T>(names: readonly string[], read: (name: string) => T | undefined): T | undefined {
    const name = names.find((each) => this.text(each) !== undefined);
    return name === undefined ? undefined : read(name);
  }

  choice<const T extends string>(name: string, allowed: readonly T[]): T | undefined {
    const given = this.text(name)?.toLowerCase();
    const found = allowed.find((each) => each === given);
    if (given !== undefined && found === undefined) this.#refuse(name, `must be one of ${allowed.join(', ')}`);
    return found;
  }

  integer(name: string): number | undefined {
    const given = this.text(name);
    if (given === undefined) return undefined;
    const number = /^\d{1,9}$/.test(given) ? Number(given) : 0;
    if (number > 0) return number;
    this.#refuse(name, 'must be a whole number above 0');
    return undefined;
  }

  /** Of `OTEL_TRACES_SAMPLER_ARG`. */
  ratio(): number {
    const given = this.text('OTEL_TRACES_SAMPLER_ARG');
    const ratio = given === undefined ? 1 : Number(given);
    if (ratio >= 0 && ratio <= 1) return ratio;
    this.#refuse('OTEL_TRACES_SAMPLER_ARG', 'must be a number from 0 to 1');
    return 1;
  }

  url(name: string): string | undefined {
    const given = this.text(name);
    if (given === undefined) return undefined;
    if (/^https?:\/\//i.test(given) && URL.canParse(given)) return given;
    this.#refuse(name, 'must be a URL that begins with `http://` or `https://`');
    return undefined;
  }

  /** `key=value,key=value`, with values encoded as in a URL. */
  pairs(name: string): Readonly<Record<string, string>> {
    const pairs: Record<string, string> = {};
    for (const pair of (this.text(name) ?? '').split(',').filter((each) => each.trim() !== '')) {
      const [, key = '', value = ''] = /^([^=]+)=(.*)$/s.exec(pair) ?? [];
      const decoded = decode(value.trim());
      if (key.trim() === '' || decoded === undefined) this.#refuse(name, 'must be a list like `key=value,key=value`');
      else pairs[key.trim()] = decoded;
    }
    return pairs;
  }

  /** The value is not quoted, because it may be secret. */
  #refuse(name: string, why: string): void {
    const problem = `${name} ${why}; its default applies`;
    if (!this.problems.includes(problem)) this.problems.push(problem);
  }
}

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    // A percent sign that begins no code.
    return undefined;
  }
}
