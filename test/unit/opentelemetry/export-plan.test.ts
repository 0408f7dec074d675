import { assert, constantFrom, dictionary, property, string } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { operationOf } from '../../../src/opentelemetry/call-spans.js';
import { type ExportSettings, toExportPlan } from '../../../src/opentelemetry/export-plan.js';

const ON: ExportSettings = {
  endpoint: 'https://collector.example.com:4318/',
  serviceName: undefined,
  serviceVersion: undefined,
  environment: undefined,
  resourceAttributes: {},
  traces: true,
  tracesToLog: false,
  metrics: true,
  metricsIntervalMs: 60_000,
  logs: false,
};

describe('what is exported', () => {
  it('follows the configuration', () => {
    const settings = {
      ...ON,
      serviceName: 'shop',
      environment: 'prod',
      resourceAttributes: { team: 'data', 'service.name': 'x' },
    };
    const plan = toExportPlan(settings, {});
    expect(plan.traces).toEqual({
      url: 'https://collector.example.com:4318/v1/traces',
      timeoutMs: 10_000,
      compression: 'none',
      encoding: 'http/protobuf',
      headers: {},
    });
    expect(plan.metrics?.url).toBe('https://collector.example.com:4318/v1/metrics');
    expect(plan.logs).toBeUndefined();
    expect(plan.resource).toEqual({ 'service.name': 'shop', 'deployment.environment.name': 'prod', team: 'data' });
    expect(plan).toMatchObject({ isDelta: false, metricsIntervalMs: 60_000, problems: [] });
  });

  it('goes to the local collector unless an endpoint is given', () => {
    const { traces, resource } = toExportPlan({ ...ON, endpoint: undefined }, {});
    expect([traces?.url, resource]).toEqual(['http://localhost:4318/v1/traces', { 'service.name': 'mxcp' }]);
  });

  it('follows the variables of OpenTelemetry before the configuration', () => {
    const plan = toExportPlan(ON, {
      OTEL_EXPORTER_OTLP_ENDPOINT: 'http://agent:4318',
      OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: 'http://metrics.example.com/push?x=1',
      OTEL_EXPORTER_OTLP_HEADERS: 'a=1,authorization=Bearer%20x%3D',
      OTEL_EXPORTER_OTLP_TRACES_HEADERS: 'a=2',
      OTEL_EXPORTER_OTLP_COMPRESSION: 'gzip',
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
      OTEL_EXPORTER_OTLP_TIMEOUT: '500',
      OTEL_SERVICE_NAME: 'named',
      OTEL_RESOURCE_ATTRIBUTES: 'service.name=lost,k8s.pod.name=p-1',
      OTEL_TRACES_SAMPLER: 'traceidratio',
      OTEL_TRACES_SAMPLER_ARG: '0.25',
      OTEL_METRIC_EXPORT_INTERVAL: '5000',
      OTEL_BSP_MAX_QUEUE_SIZE: '100',
      OTEL_LOGS_EXPORTER: 'otlp',
    });
    expect(plan.traces).toEqual({
      url: 'http://agent:4318/v1/traces',
      timeoutMs: 500,
      compression: 'gzip',
      encoding: 'http/json',
      headers: { a: '2', authorization: 'Bearer x=' },
    });
    expect(plan.metrics?.url).toBe('http://metrics.example.com/push?x=1');
    expect(plan.logs?.url).toBe('http://agent:4318/v1/logs');
    expect(plan.resource).toEqual({ 'service.name': 'named', 'k8s.pod.name': 'p-1' });
    expect(plan.sampler).toEqual({ name: 'traceidratio', ratio: 0.25 });
    expect(plan.spanBatch).toEqual({ delayMs: 5000, queueSize: 100, batchSize: 100 });
    expect([plan.metricsIntervalMs, plan.problems]).toEqual([5000, []]);
  });

  it.each([
    [{ OTEL_SDK_DISABLED: 'true' }, [false, false]],
    [{ OTEL_TRACES_EXPORTER: 'none' }, [false, true]],
    [{ OTEL_METRICS_EXPORTER: 'none' }, [true, false]],
    [{ OTEL_TRACES_EXPORTER: '' }, [true, true]],
  ])('is switched off by %j', (variables, [traces, metrics]) => {
    const plan = toExportPlan(ON, variables);
    expect([plan.traces !== undefined, plan.metrics !== undefined]).toEqual([traces, metrics]);
  });

  it('keeps its default where a variable cannot be used, and says so without quoting it', () => {
    const plan = toExportPlan(ON, {
      OTEL_EXPORTER_OTLP_ENDPOINT: 'agent:4317',
      OTEL_EXPORTER_OTLP_HEADERS: 'hunter2',
      OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc',
      OTEL_TRACES_SAMPLER_ARG: '2',
      OTEL_BSP_SCHEDULE_DELAY: 'soon',
    });
    expect(plan.problems.toSorted()).toEqual([
      'OTEL_BSP_SCHEDULE_DELAY must be a whole number above 0; its default applies',
      'OTEL_EXPORTER_OTLP_ENDPOINT must be a URL that begins with `http://` or `https://`; its default applies',
      'OTEL_EXPORTER_OTLP_HEADERS must be a list like `key=value,key=value`; its default applies',
      'OTEL_EXPORTER_OTLP_PROTOCOL must be one of http/protobuf, http/json; its default applies',
      'OTEL_TRACES_SAMPLER_ARG must be a number from 0 to 1; its default applies',
    ]);
    expect(plan.traces?.url).toBe('https://collector.example.com:4318/v1/traces');
  });

  it('is planned whatever the variables hold', () => {
    const ofOtlp = ['ENDPOINT', 'HEADERS', 'TIMEOUT', 'COMPRESSION', 'PROTOCOL'];
    const others = [
      'OTEL_RESOURCE_ATTRIBUTES',
      'OTEL_TRACES_SAMPLER',
      'OTEL_TRACES_SAMPLER_ARG',
      'OTEL_BSP_MAX_QUEUE_SIZE',
    ];
    const names = constantFrom(...ofOtlp.map((name) => `OTEL_EXPORTER_OTLP_${name}`), ...others);
    assert(
      property(dictionary(names, string({ unit: 'binary' })), (variables) => {
        const { traces, sampler, spanBatch } = toExportPlan(ON, variables);
        expect(URL.canParse(traces?.url ?? '')).toBe(true);
        expect(sampler.ratio >= 0 && sampler.ratio <= 1).toBe(true);
        expect(spanBatch.batchSize).toBeLessThanOrEqual(spanBatch.queueSize);
      }),
    );
  });
});

describe('the operation of a statement', () => {
  it.each([
    ['SELECT 1', 'SELECT'],
    ['\n -- a comment\n/* and * another */ insert INTO t VALUES (1)', 'INSERT'],
    ['with x as (select 1) from x', 'SELECT'],
    ['FROM t', 'SELECT'],
    ['DROP TABLE t', 'DROP'],
    ['hunter2', 'OTHER'],
    ['', 'OTHER'],
  ])('of %j is %s', (statement, operation) => expect(operationOf(statement)).toBe(operation));

  it('is found quickly in any text', () => {
    const started = performance.now();
    for (const text of ['/**/', '/*', '--', ' ', '/***', '-- \n']) operationOf(`${text.repeat(300_000)}!`);
    expect(performance.now() - started).toBeLessThan(5_000);
  });
});
